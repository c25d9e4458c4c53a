/** How something is: `warning` works but needs somebody soon, `problem` does not work or is not safe. */
export type Status = 'ok' | 'warning' | 'problem' | 'skipped'

/** What was found out about one thing. */
export interface Finding {
  /** Stable name for scripts. */
  readonly check: string
  readonly status: Status
  readonly message: string
  /** How to mend it. */
  readonly mend?: string
}

export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message }
}

export function skipped(check: string, message: string): Finding {
  return { check, status: 'skipped', message }
}

export function warning(check: string, message: string, mend: string): Finding {
  return { check, status: 'warning', message, mend }
}

export function problem(check: string, message: string, mend: string): Finding {
  return { check, status: 'problem', message, mend }
}
