/** An answer: the result, or the code and parameters of the host's error. */
export type RpcOutcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly params: readonly string[] }
