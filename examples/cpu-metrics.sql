-- CPU metrics of a fleet of hosts, as time-series benchmarks have them.
CREATE TABLE IF NOT EXISTS cpu_metrics
(
    time DateTime CODEC(DoubleDelta, ZSTD(1)),
    hostname LowCardinality(String),
    region LowCardinality(String),
    datacenter LowCardinality(String),
    rack UInt16,
    os LowCardinality(String),
    arch LowCardinality(String),
    team LowCardinality(String),
    usage_user Float64 CODEC(Gorilla, ZSTD(1)),
    usage_system Float64 CODEC(Gorilla, ZSTD(1)),
    usage_idle Float64 CODEC(Gorilla, ZSTD(1)),
    usage_nice Float64 CODEC(Gorilla, ZSTD(1)),
    usage_iowait Float64 CODEC(Gorilla, ZSTD(1)),
    usage_irq Float64 CODEC(Gorilla, ZSTD(1)),
    usage_softirq Float64 CODEC(Gorilla, ZSTD(1)),
    usage_steal Float64 CODEC(Gorilla, ZSTD(1)),
    usage_guest Float64 CODEC(Gorilla, ZSTD(1)),
    usage_guest_nice Float64 CODEC(Gorilla, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (hostname, time)
