import { useState } from 'react'
import { errorText } from './error-text.ts'

export interface Work {
  readonly busy: boolean
  readonly error: string | undefined
  /** Runs work of a form; while it goes on a second one is not begun. */
  run(work: () => Promise<void>): Promise<void>
  fail(message: string | undefined): void
}

/** What a form does when it is sent: whether it is at it, and what went wrong. */
export function useWork(): Work {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()
  return {
    busy,
    error,
    fail: setError,
    async run(work) {
      if (busy) return
      setBusy(true)
      setError(undefined)
      try {
        await work()
      } catch (failure) {
        setError(errorText(failure))
      } finally {
        setBusy(false)
      }
    },
  }
}
