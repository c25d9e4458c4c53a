import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ConnectionProbe } from '@nixen/api'
import { ShieldAlert, ShieldCheck } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { formatTime } from '../format/format.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { Facts, Page } from '../ui/page.tsx'
import { useWork } from '../ui/use-work.ts'
import { shell } from '../i18n/shell.ts'
import { connectionsText as t } from '../i18n/connections.ts'
import { common } from '../i18n/common.ts'

/** Connects a pool in two steps: which certificate is at the address, then who logs in. */
export function ConnectPage(): ReactNode {
  const { first = false } = useSearch({ strict: false })
  const [address, setAddress] = useState('')
  const [probe, setProbe] = useState<ConnectionProbe>()
  const work = useWork()
  const url = withScheme(address)
  const look = async (): Promise<void> => {
    const found = await client.connection.test({ kind: 'xapi', address: url })
    if (!found.reachable) work.fail(found.error?.message ?? t.nothingAnswers({ url }))
    else setProbe(found)
  }
  return (
    <Page title={shell.connectPool} crumbs={first ? [] : [{ label: shell.connections, to: '/connections' }]}>
      <div className="bg-panel border-line grid max-w-2xl gap-5 rounded-lg border p-5">
        {first && <p className="text-muted">{t.firstHelp}</p>}
        <form
          className="flex flex-wrap items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault()
            void work.run(look)
          }}
        >
          <div className="min-w-0 flex-1 basis-64">
            <TextField
              label={t.address}
              help={t.addressHelp}
              autoFocus
              required
              inputMode="url"
              autoComplete="off"
              spellCheck={false}
              value={address}
              onChange={(event) => {
                setAddress(event.target.value)
                setProbe(undefined)
              }}
            />
          </div>
          {!probe && (
            <Button type="submit" look="solid" className="mb-5 min-h-9" disabled={work.busy}>
              {work.busy ? t.looking : common.next}
            </Button>
          )}
        </form>
        {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
        {probe && <Credentials address={url} probe={probe} />}
      </div>
    </Page>
  )
}

/** People type host names. */
function withScheme(address: string): string {
  const text = address.trim()
  return /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`
}

function Credentials({ address, probe }: { readonly address: string; readonly probe: ConnectionProbe }): ReactNode {
  const navigate = useNavigate()
  const { certificate } = probe
  const needsTrust = certificate !== undefined && !certificate.trusted
  const [trusted, setTrusted] = useState(false)
  const [username, setUsername] = useState('root')
  const [password, setPassword] = useState('')
  const [readOnly, setReadOnly] = useState(false)
  const work = useWork()
  const send = async (): Promise<void> => {
    const pin = needsTrust ? { fingerprint: certificate.fingerprint } : {}
    await client.connection.add({ kind: 'xapi', address, username: username.trim(), password, readOnly, ...pin })
    await navigate({ to: '/vms' })
  }
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (!needsTrust || trusted) void work.run(send)
      }}
    >
      {certificate ? <Certificate certificate={certificate} /> : <Notice tone="warn">{t.withoutTls}</Notice>}
      {needsTrust && (
        <CheckField label={t.pin} checked={trusted} onChange={(event) => setTrusted(event.target.checked)} />
      )}
      <TextField
        label={t.user}
        required
        autoComplete="off"
        value={username}
        onChange={(event) => setUsername(event.target.value)}
      />
      <TextField
        label={t.password}
        type="password"
        required
        autoComplete="off"
        help={t.passwordHelp}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <CheckField label={t.readOnlyAsk} checked={readOnly} onChange={(event) => setReadOnly(event.target.checked)} />
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <div>
        <Button
          type="submit"
          look="solid"
          className="min-h-9"
          disabled={work.busy}
          reason={needsTrust && !trusted ? t.compareFirst : undefined}
        >
          {work.busy ? t.connecting : t.connect}
        </Button>
      </div>
    </form>
  )
}

function Certificate({
  certificate: { fingerprint, subject, validTo, trusted },
}: {
  readonly certificate: NonNullable<ConnectionProbe['certificate']>
}): ReactNode {
  return (
    <div className="border-line grid gap-3 rounded-md border p-4">
      <p className="flex items-start gap-2 font-medium">
        {trusted ? (
          <ShieldCheck size={18} className="text-good shrink-0" aria-hidden />
        ) : (
          <ShieldAlert size={18} className="text-warn shrink-0" aria-hidden />
        )}
        {trusted ? t.known : t.notKnown}
      </p>
      <Facts
        facts={[
          ['SHA-256', <code className="text-xs break-all">{fingerprint}</code>],
          [t.named, subject],
          [t.validUntil, validTo === undefined ? undefined : formatTime(validTo)],
        ]}
      />
    </div>
  )
}
