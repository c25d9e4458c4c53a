import { assertNever } from '@nixen/core'
import { useEffect, type ReactNode } from 'react'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Notice } from '../ui/notice.tsx'
import { useValue } from '../value.ts'
import { Entrance } from './entrance.tsx'
import { loadSession, session } from './session.ts'
import { SetUpPage } from './set-up-page.tsx'
import { SignInForm } from './sign-in-form.tsx'
import { common } from '../i18n/common.ts'
import { sessionText as t } from '../i18n/session.ts'

/** Shows the console to whom is signed in; to others how to get in. */
export function Gate({ children }: { readonly children: ReactNode }): ReactNode {
  const state = useValue(session)
  useEffect(() => void loadSession(), [])
  switch (state.kind) {
    case 'loading':
      return (
        <main className="text-muted p-8">
          <h1 className="sr-only">Nixen</h1>
          <p role="status">{common.loading}</p>
        </main>
      )
    case 'unreachable':
      return <Unreachable message={state.message} />
    case 'setup':
      return <SetUpPage />
    case 'out':
      return (
        <Entrance title={t.signInTo}>
          <SignInForm />
        </Entrance>
      )
    case 'in':
    case 'expired':
      return (
        <>
          {children}
          {state.kind === 'expired' && (
            <Dialog title={t.ended} onClose={() => undefined} required>
              <p className="text-muted mb-4">{t.endedHelp}</p>
              <SignInForm name={state.me.user.name} />
            </Dialog>
          )}
        </>
      )
    default:
      return assertNever(state, 'session')
  }
}

function Unreachable({ message }: { readonly message: string }): ReactNode {
  useEffect(() => {
    const timer = setInterval(() => void loadSession(), 5000)
    return () => clearInterval(timer)
  }, [])
  return (
    <Entrance title={t.unreachable}>
      <Notice tone="bad">{message}</Notice>
      <p className="text-muted my-4">{t.triedAgain}</p>
      <Button onClick={() => void loadSession()}>{t.tryNow}</Button>
    </Entrance>
  )
}
