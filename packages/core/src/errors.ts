/** What every error of Nixen carries beside its sentence. */
export interface AppErrorInit {
  /** Stable and documented, `area.reason`, for example `disk.truncated`. */
  readonly code: string
  /** One sentence for a person: what is wrong, where, what to do. */
  readonly message: string
  /** HTTP status that the API answers with. */
  readonly status: number
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean
  /** The values the sentence was made of, for programs. */
  readonly details: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** The only class of errors that Nixen throws on purpose. Made by a {@link catalogue}, never by hand. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: string
  readonly status: number
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(init: AppErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = init.code
    this.status = init.status
    this.retryable = init.retryable
    this.details = init.details
  }
}

/** One entry of a catalogue. `text` makes the sentence from the parameters. */
export interface ErrorSpec<P> {
  /** HTTP status; 500 when left out. */
  readonly status?: number
  readonly retryable?: boolean
  readonly text: (params: P) => string
}

type ErrorMaker<P> = undefined extends P
  ? (params?: P, options?: { cause?: unknown }) => AppError
  : (params: P, options?: { cause?: unknown }) => AppError

// The `any` lets each entry have parameters of its own; `ErrorMaker` gives them back typed.
// oxlint-disable-next-line typescript/no-explicit-any
type Specs = Record<string, ErrorSpec<any>>

/** A set of errors of one area: each key makes an {@link AppError}. */
export type ErrorCatalogue<S extends Specs> = {
  readonly [K in keyof S]: S[K] extends ErrorSpec<infer P> ? ErrorMaker<P> : never
}

/**
 * Declares the errors of one area. Each entry becomes a function that makes an {@link AppError} whose code is
 * `area.key`.
 *
 * @example
 *   const diskErrors = catalogue('disk', {
 *     truncated: { status: 422, text: (p: { path: string }) => `${p.path} ends too early. Copy it again.` },
 *   })
 *   throw diskErrors.truncated({ path }, { cause })
 */
export function catalogue<S extends Specs>(area: string, specs: S): ErrorCatalogue<S> {
  const makers: Record<string, ErrorMaker<unknown>> = {}
  for (const [key, spec] of Object.entries(specs)) {
    makers[key] = (params?: unknown, options?: { cause?: unknown }): AppError =>
      new AppError({
        code: `${area}.${key}`,
        message: spec.text(params),
        status: spec.status ?? 500,
        retryable: spec.retryable ?? false,
        details: isDetails(params) ? params : {},
        ...(options?.cause === undefined ? {} : { cause: options.cause }),
      })
  }
  // The loop above makes one maker per key; TypeScript cannot follow it.
  return Object.freeze(makers) as ErrorCatalogue<S>
}

/** Whether `error` is an {@link AppError}, by shape, so that two copies of this module agree. */
export function isAppError(error: unknown, code?: string): error is AppError {
  if (!(error instanceof Error) || error.name !== 'AppError' || !('code' in error)) return false
  return code === undefined || error.code === code
}

/** The sentence of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system's code (`ENOENT`, `ECONNRESET`, …) of an error of Node, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function isDetails(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
