import { useState, type ReactNode } from 'react'
import { basePath } from '../base.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { useWork } from '../ui/use-work.ts'
import { Entrance } from './entrance.tsx'
import { setUp } from './session.ts'

/** Makes the first administrator. The token of the link stands behind `#`, so that it reaches no log of a proxy. */
export function SetUpPage(): ReactNode {
  const [token, setToken] = useState(() => location.hash.slice(1))
  const [hasLink] = useState(() => location.hash.length > 1)
  const [name, setName] = useState('admin')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const work = useWork()
  const differs = again !== '' && again !== password ? 'The two passwords differ.' : undefined
  const send = async (): Promise<void> => {
    await setUp({ token: token.trim(), name: name.trim(), password })
    // The token has done its work; the next step is to have something to look at.
    history.replaceState(null, '', `${basePath}connections/new?first=true`)
  }
  return (
    <Entrance title="Welcome to Nixen">
      <p className="text-muted mb-5">
        Nobody can sign in yet. Make the first administrator; more people, or your directory, can come later.
      </p>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (again !== password) work.fail('The two passwords differ. Type the same one twice.')
          else void work.run(send)
        }}
      >
        {!hasLink && (
          <TextField
            label="Token of the set-up link"
            help="The server printed a link when it started. Open it, or paste here what stands behind its #."
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        )}
        <TextField
          label="Name"
          autoComplete="username"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label="Password"
          help="At least 12 characters; a few words are good."
          type="password"
          autoComplete="new-password"
          autoFocus={hasLink}
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <TextField
          label="Password again"
          type="password"
          autoComplete="new-password"
          required
          value={again}
          error={differs}
          onChange={(event) => setAgain(event.target.value)}
        />
        {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
        <Button type="submit" look="solid" className="min-h-10" disabled={work.busy}>
          {work.busy ? 'Making the administrator …' : 'Make the administrator'}
        </Button>
      </form>
    </Entrance>
  )
}
