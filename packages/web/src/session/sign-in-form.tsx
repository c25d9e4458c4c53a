import { isAppError } from '@nixen/core'
import { useState, type ReactNode } from 'react'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { useWork } from '../ui/use-work.ts'
import { signIn } from './session.ts'
import { sessionText as t } from '../i18n/session.ts'

/** Name and password, and a one-time code when the server asks for it. */
export function SignInForm({ name: known = '' }: { readonly name?: string }): ReactNode {
  const [name, setName] = useState(known)
  const [password, setPassword] = useState('')
  const [code, setCode] = useState<string>()
  const work = useWork()
  const send = async (): Promise<void> => {
    try {
      await signIn({ name: name.trim(), password, ...(code === undefined ? {} : { code: code.trim() }) })
    } catch (error) {
      if (!isAppError(error, 'auth.code_required') || code !== undefined) throw error
      setCode('')
    }
  }
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        void work.run(send)
      }}
    >
      <TextField
        label={t.name}
        autoComplete="username"
        autoFocus={known === ''}
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField
        label={t.password}
        type="password"
        autoComplete="current-password"
        autoFocus={known !== ''}
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {code !== undefined && (
        <TextField
          label={t.code}
          help={t.codeHelp}
          autoComplete="one-time-code"
          inputMode="numeric"
          autoFocus
          required
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      )}
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <Button type="submit" look="solid" className="min-h-10" disabled={work.busy}>
        {work.busy ? t.signingIn : t.signIn}
      </Button>
    </form>
  )
}
