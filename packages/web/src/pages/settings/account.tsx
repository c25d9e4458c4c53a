import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { sessionText } from '../../i18n/session.ts'
import { client, loadSession, session } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { TextField } from '../../ui/field.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Card } from '../../ui/page.tsx'
import { SimpleTable } from '../../ui/simple-table.tsx'
import { Ago } from '../../ui/time.tsx'
import { toast } from '../../ui/toasts.tsx'
import { useWork } from '../../ui/use-work.ts'
import { useValue } from '../../value.ts'
import { SettingsFrame } from './frame.tsx'
import { TokensCard } from './tokens.tsx'
import { TotpCard } from './totp.tsx'

/** What belongs to who is signed in: password, second factor, sessions, tokens. */
export function AccountPage(): ReactNode {
  const state = useValue(session)
  if (!('me' in state)) return null
  const { user } = state.me
  return (
    <SettingsFrame title={t.account}>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title={t.password}>
          {user.source === 'local' ? <PasswordForm name={user.name} /> : <p className="text-muted">{t.notLocal}</p>}
        </Card>
        <TotpCard on={user.totp} />
        <TokensCard />
        <SessionsCard />
      </div>
    </SettingsFrame>
  )
}

function PasswordForm({ name }: { readonly name: string }): ReactNode {
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const work = useWork()
  const differs = again !== '' && again !== password ? sessionText.differ : undefined
  const send = async (): Promise<void> => {
    await client.session.changePassword({ current, password })
    for (const clear of [setCurrent, setPassword, setAgain]) clear('')
    toast('good', t.passwordChanged)
    await loadSession()
  }
  return (
    <form
      className="grid max-w-md gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        if (again !== password) work.fail(sessionText.differTwice)
        else void work.run(send)
      }}
    >
      {/* Managers of passwords look for the name beside them. */}
      <input type="text" autoComplete="username" value={name} readOnly hidden />
      <TextField
        label={t.currentPassword}
        type="password"
        autoComplete="current-password"
        required
        value={current}
        onChange={(event) => setCurrent(event.target.value)}
      />
      <TextField
        label={t.newPassword}
        help={t.passwordHelp}
        type="password"
        autoComplete="new-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <TextField
        label={sessionText.again}
        type="password"
        autoComplete="new-password"
        required
        error={differs}
        value={again}
        onChange={(event) => setAgain(event.target.value)}
      />
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <div>
        <Button type="submit" disabled={work.busy}>
          {t.changePassword}
        </Button>
      </div>
    </form>
  )
}

function SessionsCard(): ReactNode {
  const queries = useQueryClient()
  const { data, error } = useQuery({
    queryKey: ['session.list'],
    queryFn: async ({ signal }) => (await client.session.list({}, { signal })).items,
  })
  const end = async (id: string): Promise<void> => {
    try {
      await client.session.end({ id })
      await queries.invalidateQueries({ queryKey: ['session.list'] })
    } catch (failure) {
      toast('bad', errorText(failure))
    }
  }
  return (
    <Card title={t.sessions}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      <SimpleTable
        label={t.sessions}
        heads={[t.sessionAgent, t.sessionFrom, t.sessionUsed, t.endSession]}
        none={common.noneOfThem}
        rows={(data ?? []).map(({ id, current, agent, address, lastUsed }) => ({
          id,
          cells: [
            <span className="line-clamp-2 break-words" translate="no">
              {agent ?? common.none}
            </span>,
            address ?? common.none,
            current ? t.thisOne : <Ago time={lastUsed} />,
            current ? common.none : <Button onClick={() => void end(id)}>{t.endSession}</Button>,
          ],
        }))}
      />
    </Card>
  )
}
