import type { ReactNode } from 'react'
import { useNow } from '../format/clock.ts'
import { consoleText as t } from '../i18n/console.ts'
import { Button } from '../ui/button.tsx'
import type { ConsoleState } from './use-console.ts'

/** Says above the picture why there is none, and what to do about it. */
export function ConsoleNotice({
  state,
  reopen,
}: {
  readonly state: ConsoleState
  readonly reopen: () => void
}): ReactNode {
  const now = useNow(1000)
  if (state.kind === 'open') return null
  return (
    <div className="absolute inset-0 grid place-content-center p-4">
      <div
        role="status"
        className="bg-raised border-line text-ink grid max-w-md justify-items-center gap-3 rounded-lg border p-5 text-center shadow-xl"
      >
        {state.kind === 'off' && <p>{t.notRunning}</p>}
        {state.kind === 'opening' && <p>{t.connecting}</p>}
        {state.kind === 'refused' && <p className="text-bad">{state.message}</p>}
        {state.kind === 'ended' && (
          <p>
            {(t.ends as Readonly<Record<string, string>>)[state.end] ?? t.ended}
            {state.retryAt !== undefined && (
              <span className="text-muted block">
                {t.tryIn({ seconds: Math.max(1, Math.ceil((state.retryAt - now) / 1000)) })}
              </span>
            )}
          </p>
        )}
        {(state.kind === 'refused' || state.kind === 'ended') && (
          <Button look="solid" onClick={reopen}>
            {t.again}
          </Button>
        )}
      </div>
    </div>
  )
}
