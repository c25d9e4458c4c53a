import { useState, type ReactNode } from 'react'
import { basePath } from '../base.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { useWork } from '../ui/use-work.ts'
import { Entrance } from './entrance.tsx'
import { setUp } from './session.ts'
import { sessionText as t } from '../i18n/session.ts'

/** Makes the first administrator. The token of the link stands behind `#`, so that it reaches no log of a proxy. */
export function SetUpPage(): ReactNode {
  const [token, setToken] = useState(() => location.hash.slice(1))
  const [hasLink] = useState(() => location.hash.length > 1)
  const [name, setName] = useState('admin')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const work = useWork()
  const differs = again !== '' && again !== password ? t.differ : undefined
  const send = async (): Promise<void> => {
    await setUp({ token: token.trim(), name: name.trim(), password })
    // The token has done its work; the next step is to have something to look at.
    history.replaceState(null, '', `${basePath}connections/new?first=true`)
  }
  return (
    <Entrance title={t.welcome}>
      <p className="text-muted mb-5">{t.welcomeHelp}</p>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (again !== password) work.fail(t.differTwice)
          else void work.run(send)
        }}
      >
        {!hasLink && (
          <TextField
            label={t.token}
            help={t.tokenHelp}
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        )}
        <TextField
          label={t.name}
          autoComplete="username"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label={t.password}
          help={t.passwordHelp}
          type="password"
          autoComplete="new-password"
          autoFocus={hasLink}
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <TextField
          label={t.again}
          type="password"
          autoComplete="new-password"
          required
          value={again}
          error={differs}
          onChange={(event) => setAgain(event.target.value)}
        />
        {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
        <Button type="submit" look="solid" className="min-h-10" disabled={work.busy}>
          {work.busy ? t.makingAdmin : t.makeAdmin}
        </Button>
      </form>
    </Entrance>
  )
}
