#!/usr/bin/env python3
"""A real ClickHouse server of another version, out of PyPI. Linux x64, CPython 3.11. Started by versions.ts.

  ch.py VERSION DIR --http=PORT [--extra=XML]
  ch.py --fetch VERSION …

VERSION  24.5 24.8 25.5 25.8   the whole clickhouse-server: these wheels of chdb export its entry point
         26.9                  clickhouse-local with an HTTP listener: no async insert queue, no CREATE USER, no HTTPS
DIR      of this server alone: configuration and data are written there, and stay
It lives while its standard input is open, so it dies with its parent. Ready = GET /ping answers Ok.
The libraries are fetched once, to $CH_CACHE (default ~/.cache/ch-versions): 100 to 180 MB each, 0.5 to 0.9 GB unpacked."""
import ctypes, fcntl, glob, importlib.machinery, importlib.util, os, shutil, signal, subprocess, sys, threading, zipfile

PACKAGES = {'24.5': 'chdb==2.0.4', '24.8': 'chdb==3.3.0', '25.5': 'chdb==3.4.1', '25.8': 'chdb==3.7.2', '26.9': 'chdb-core==26.9.0'}
CACHE = os.environ.get('CH_CACHE', os.path.expanduser('~/.cache/ch-versions'))


def library(version):
    """Where it is; fetched if it is not there yet, by one of those who want it."""
    home = os.path.join(CACHE, version)
    os.makedirs(CACHE, exist_ok=True)
    with open(home + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libraries(home):
            fetch(version, home)
    return libraries(home)[0]


def libraries(home):
    return glob.glob(home + '/**/_chdb*.so', recursive=True) + glob.glob(home + '/**/libchdb.so', recursive=True)


def fetch(version, home):
    print(f'fetching ClickHouse {version} ({PACKAGES[version]}, up to 180 MB)', file=sys.stderr, flush=True)
    partial = home + '.partial'
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '--python-version=3.11',
                    '--platform=manylinux2014_x86_64', '--platform=manylinux_2_17_x86_64', '-d', partial, PACKAGES[version]], check=True)
    wheel = glob.glob(partial + '/*.whl')[0]
    zipfile.ZipFile(wheel).extractall(partial)
    os.remove(wheel)
    shutil.rmtree(home, ignore_errors=True)
    os.rename(partial, home)


def configure(directory, options):
    os.makedirs(directory + '/data', exist_ok=True)
    log = lambda table, engine='': (f'<{table}>{engine}<database>system</database><table>{table}</table>'
                                    f'<flush_interval_milliseconds>500</flush_interval_milliseconds></{table}>')
    with open(directory + '/config.xml', 'w') as file:
        file.write(f'''<clickhouse><logger><level>information</level><log>{directory}/server.log</log></logger>
<listen_host>127.0.0.1</listen_host><http_port>{options['http']}</http_port><path>{directory}/data/</path>
<users_config>{directory}/users.xml</users_config>
<user_directories><users_xml><path>{directory}/users.xml</path></users_xml>
<local_directory><path>{directory}/data/access/</path></local_directory></user_directories>
<default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>104857600</mark_cache_size>
{log('query_log')}{log('asynchronous_insert_log')}
{log('opentelemetry_span_log', '<engine>engine MergeTree order by start_time_us</engine>')}
{options.get('extra', '')}</clickhouse>''')
    with open(directory + '/users.xml', 'w') as file:
        file.write('''<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
<access_management>1</access_management></default></users></clickhouse>''')


def end():
    # The libraries' exit handlers hang. Nothing on disk depends on them.
    os.kill(os.getpid(), signal.SIGKILL)


def serve_whole(so, directory):
    threading.Thread(target=lambda: (os.read(0, 1), end()), daemon=True).start()
    os.environ['CLICKHOUSE_WATCHDOG_ENABLE'] = '0'  # one process, not two
    run = ctypes.CDLL(so)._Z25mainEntryClickHouseServeriPPc
    run.argtypes = [ctypes.c_int, ctypes.c_void_p]
    run(2, (ctypes.c_char_p * 3)(b'clickhouse-server', f'--config-file={directory}/config.xml'.encode(), None))


def serve_local(so, directory):
    """Its module must be loaded without `import chdb`, which opens an engine of its own. query() is clickhouse-local, which
    reads config.xml of the working directory."""
    ctypes.CDLL(so, mode=sys.getdlopenflags() | 8)  # RTLD_DEEPBIND
    os.chdir(os.path.dirname(so))  # where it looks for the rest of itself
    loader = importlib.machinery.ExtensionFileLoader('_chdb', so)
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location('_chdb', so, loader=loader))
    loader.exec_module(module)
    os.chdir(directory)
    query = "SYSTEM START LISTEN HTTP; SELECT count() FROM file('-', 'LineAsString', 'line String')"
    answer = module.query(query, 'TSV', path=directory + '/data')
    if answer.has_error():
        print(answer.error_message(), file=sys.stderr)


def main():
    if sys.argv[1:2] == ['--fetch']:
        for version in sys.argv[2:]:
            library(version)
        return
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    version, directory = sys.argv[1], os.path.abspath(sys.argv[2])
    options = dict(word[2:].split('=', 1) for word in sys.argv[3:])
    so = library(version)
    configure(directory, options)
    os.chdir(directory)
    (serve_local if version >= '26' else serve_whole)(so, directory)
    sys.stdout.flush()
    sys.stderr.flush()
    end()


main()
