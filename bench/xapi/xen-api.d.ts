declare module 'xen-api' {
  /** The part of the package that the benchmark uses. */
  export function createClient(options: {
    readonly url: string
    readonly auth: { readonly user: string; readonly password: string }
    readonly allowUnauthorized: boolean
  }): {
    connect(): Promise<void>
    readonly objectsFetched: Promise<void>
    readonly objects: { readonly all: Readonly<Record<string, unknown>> }
  }
}
