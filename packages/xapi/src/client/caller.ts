/** What can be said about one call beside its parameters. */
export interface CallOptions {
  /** Ends the wait with the signal's reason; the host may still do what it was asked. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until `xapi.timeout`; the connection's default when left out. */
  readonly timeout?: number | undefined
}

/** What a caller tells the port about one call. */
export interface XapiRequest extends CallOptions {
  /**
   * Type of the result in the grammar of the data model, for example `map(ref:VM,record:VM)`. The port decodes by it: pass it on to
   * `readJsonRpcResponse`, or hand a raw value to `decodeValue`. Without it the raw value is the result.
   */
  readonly resultType?: string | undefined
  /** For `Async.` methods: type of the value that the task will end with. */
  readonly taskResultType?: string | undefined
  /** Whether the session reference goes before `params` on the wire. False for logins and `system.*`. */
  readonly session: boolean
  /**
   * Takes the entries of a large result one by one (key and decoded value of a map; index and value of a set) instead of keeping them:
   * the result is then an empty map or set. Events come without `id` and `timestamp`.
   */
  readonly onEntry?: ((key: string | number, value: unknown) => void) | undefined
}

/**
 * The port between the typed callers and a transport: sends one call and resolves with the decoded result.
 *
 * @param method wire name, for example `VM.start` or `Async.VM.start`
 * @param params wire values after the session reference: already encoded, `bigint` for integers beyond 2^53
 * @throws XapiError with the host's answer; an AppError of `xapiErrors` for everything else
 */
export type XapiCall = (method: string, params: readonly unknown[], request: XapiRequest) => Promise<unknown>
