// Where HTTP/1.1 requests begin and end in the bytes of a connection, by Content-Length or by chunks. For the fault proxy; it
// changes no byte.

export interface RequestParts {
  /** The head has come whole: `raw` are its bytes, `bodyBytes` its Content-Length; 0 where it has none. */
  head(text: string, raw: Buffer, bodyBytes: number): void;
  /** The next bytes of the body, with the marks of its chunks. */
  body(raw: Buffer): void;
  /** The request is over. */
  end(): void;
}

type State = "head" | "body" | "chunk size" | "chunk" | "trailer";

const LINE = "\r\n";

export class RequestReader {
  readonly #parts: RequestParts;
  #unread: Buffer = Buffer.alloc(0);
  #state: State = "head";
  /** Bytes that are still to come of a body or a chunk. */
  #left = 0;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  push(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    while (this.#step());
  }

  /** Reads one thing; false where more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case "head":
        return this.#head();
      case "body":
      case "chunk":
        return this.#data();
      case "chunk size": {
        const line = this.#until(LINE);
        if (line === undefined) return false;
        this.#parts.body(line);
        const bytes = Number.parseInt(line.toString("latin1"), 16);
        this.#left = bytes + LINE.length;
        this.#state = bytes === 0 ? "trailer" : "chunk";
        return true;
      }
      case "trailer": {
        const line = this.#until(LINE);
        if (line === undefined) return false;
        this.#parts.body(line);
        if (line.length === LINE.length) this.#over();
        return true;
      }
    }
  }

  #head(): boolean {
    const raw = this.#until(LINE + LINE);
    if (raw === undefined) return false;
    const text = raw.toString("latin1");
    this.#left = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
    const isChunked = /^transfer-encoding:.*chunked/im.test(text);
    this.#state = isChunked ? "chunk size" : "body";
    this.#parts.head(text, raw, this.#left);
    if (!isChunked && this.#left === 0) this.#over();
    return true;
  }

  #data(): boolean {
    if (this.#unread.length === 0) return false;
    const raw = this.#unread.subarray(0, this.#left);
    this.#unread = this.#unread.subarray(raw.length);
    this.#left -= raw.length;
    this.#parts.body(raw);
    if (this.#left > 0) return false;
    if (this.#state === "chunk") this.#state = "chunk size";
    else this.#over();
    return true;
  }

  #over(): void {
    this.#state = "head";
    this.#parts.end();
  }

  /** The bytes up to the end of `mark`; undefined where it has not come. */
  #until(mark: string): Buffer | undefined {
    const at = this.#unread.indexOf(mark);
    if (at < 0) return undefined;
    const raw = this.#unread.subarray(0, at + mark.length);
    this.#unread = this.#unread.subarray(raw.length);
    return raw;
  }
}
