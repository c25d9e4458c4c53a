import { mailSecurities, type Channel } from '@nixen/api'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { client } from '../../session/session.ts'
import { CheckField, SelectField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { channelsQuery } from './settings-queries.ts'

const kinds = ['email', 'webhook', 'ntfy'] as const
type Kind = (typeof kinds)[number]
type Security = (typeof mailSecurities)[number]

interface Draft {
  readonly name: string
  readonly enabled: boolean
  readonly hourly: number
  readonly host: string
  readonly port: string
  readonly security: Security
  readonly username: string
  readonly password: string
  readonly from: string
  readonly to: string
  readonly url: string
  readonly secret: string
}

function draftOf(channel: Channel | undefined): Draft {
  return {
    name: channel?.name ?? '',
    enabled: channel?.enabled ?? true,
    hourly: channel?.hourly ?? 60,
    host: channel?.host ?? '',
    port: channel?.port === undefined ? '' : String(channel.port),
    security: channel?.security ?? 'starttls',
    username: channel?.username ?? '',
    password: '',
    from: channel?.from ?? '',
    to: channel?.to?.join(', ') ?? '',
    url: '',
    secret: '',
  }
}

/** Makes or changes a channel. Secrets are never shown again: left empty they stay. */
export function ChannelDialog({
  channel,
  onClose,
}: {
  readonly channel?: Channel
  readonly onClose: () => void
}): ReactNode {
  const queries = useQueryClient()
  const [kind, setKind] = useState<Kind>(channel?.kind ?? 'email')
  const [draft, setDraft] = useState(() => draftOf(channel))
  const set = (next: Partial<Draft>): void => setDraft({ ...draft, ...next })
  const send = async (): Promise<void> => {
    if (channel) await client.channel.update({ id: channel.id, ...changeOf(kind, draft) })
    else await make(kind, draft)
    await queries.invalidateQueries({ queryKey: channelsQuery.queryKey })
  }
  const keeps = channel ? t.secretKept : undefined
  return (
    <FormDialog title={channel?.name ?? t.channelNew} label={common.save} send={send} onClose={onClose}>
      <TextField
        label={common.name}
        required
        autoFocus
        value={draft.name}
        onChange={({ target }) => set({ name: target.value })}
      />
      {!channel && (
        <SelectField
          label={t.channelKind}
          value={kind}
          onChange={({ target }) => setKind(kinds.find((one) => one === target.value) ?? 'email')}
        >
          {kinds.map((one) => (
            <option key={one} value={one}>
              {t.channelKinds[one]}
            </option>
          ))}
        </SelectField>
      )}
      {kind === 'email' ? (
        <MailFields draft={draft} set={set} keeps={keeps} />
      ) : (
        <>
          <TextField
            label={t.url}
            type="url"
            help={keeps ?? (kind === 'ntfy' ? t.ntfyUrlHelp : undefined)}
            required={!channel}
            autoComplete="off"
            value={draft.url}
            onChange={({ target }) => set({ url: target.value })}
          />
          <TextField
            label={kind === 'ntfy' ? t.ntfyToken : t.webhookSecret}
            type="password"
            help={keeps}
            autoComplete="off"
            value={draft.secret}
            onChange={({ target }) => set({ secret: target.value })}
          />
        </>
      )}
      <TextField
        label={t.channelHourly}
        type="number"
        min={1}
        max={10_000}
        required
        value={draft.hourly}
        onChange={({ target }) => set({ hourly: target.valueAsNumber })}
      />
      <CheckField
        label={t.channelEnabled}
        checked={draft.enabled}
        onChange={({ target }) => set({ enabled: target.checked })}
      />
    </FormDialog>
  )
}

function MailFields({
  draft,
  set,
  keeps,
}: {
  readonly draft: Draft
  readonly set: (next: Partial<Draft>) => void
  readonly keeps: string | undefined
}): ReactNode {
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-[1fr_6rem]">
        <TextField
          label={t.mailHost}
          required
          value={draft.host}
          onChange={({ target }) => set({ host: target.value })}
        />
        <TextField
          label={t.mailPort}
          inputMode="numeric"
          pattern="\d{1,5}"
          value={draft.port}
          onChange={({ target }) => set({ port: target.value })}
        />
      </div>
      <SelectField
        label={t.mailSecurity}
        value={draft.security}
        onChange={({ target }) => set({ security: mailSecurities.find((one) => one === target.value) ?? 'starttls' })}
      >
        {(['starttls', 'tls', 'none'] as const).map((one) => (
          <option key={one} value={one}>
            {t.mailSecurities[one]}
          </option>
        ))}
      </SelectField>
      <TextField
        label={t.mailUser}
        autoComplete="off"
        value={draft.username}
        onChange={({ target }) => set({ username: target.value })}
      />
      <TextField
        label={t.password}
        type="password"
        help={keeps}
        autoComplete="off"
        value={draft.password}
        onChange={({ target }) => set({ password: target.value })}
      />
      <TextField
        label={t.mailFrom}
        required
        placeholder="Nixen <nixen@example.net>"
        value={draft.from}
        onChange={({ target }) => set({ from: target.value })}
      />
      <TextField
        label={t.mailTo}
        help={t.mailToHelp}
        required
        value={draft.to}
        onChange={({ target }) => set({ to: target.value })}
      />
    </>
  )
}

function mailOf(draft: Draft) {
  return {
    host: draft.host.trim(),
    security: draft.security,
    from: draft.from.trim(),
    to: draft.to
      .split(',')
      .map((address) => address.trim())
      .filter(Boolean),
  }
}

function optional<K extends string>(name: K, text: string): { readonly [P in K]?: string } {
  // One field with a known name, or none.
  return (text.trim() === '' ? {} : { [name]: text.trim() }) as { readonly [P in K]?: string }
}

async function make(kind: Kind, draft: Draft): Promise<void> {
  const common = { name: draft.name.trim(), enabled: draft.enabled, hourly: draft.hourly }
  const port = draft.port === '' ? {} : { port: Number(draft.port) }
  if (kind === 'email')
    await client.channel.create({
      kind,
      ...common,
      ...mailOf(draft),
      ...port,
      ...optional('username', draft.username),
      ...optional('password', draft.password),
    })
  else if (kind === 'webhook')
    await client.channel.create({ kind, ...common, url: draft.url.trim(), ...optional('secret', draft.secret) })
  else await client.channel.create({ kind, ...common, url: draft.url.trim(), ...optional('token', draft.secret) })
}

function changeOf(kind: Kind, draft: Draft) {
  const common = { name: draft.name.trim(), enabled: draft.enabled, hourly: draft.hourly }
  if (kind !== 'email')
    return {
      ...common,
      ...optional('url', draft.url),
      ...(kind === 'ntfy' ? optional('token', draft.secret) : optional('secret', draft.secret)),
    }
  return {
    ...common,
    ...mailOf(draft),
    port: draft.port === '' ? null : Number(draft.port),
    username: draft.username.trim() === '' ? null : draft.username.trim(),
    ...optional('password', draft.password),
  }
}
