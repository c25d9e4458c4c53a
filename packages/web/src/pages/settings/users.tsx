import type { Role, User } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { CheckField, ChoiceField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Card } from '../../ui/page.tsx'
import { SimpleTable } from '../../ui/simple-table.tsx'
import { Tags } from '../../ui/tags.tsx'
import { Ago } from '../../ui/time.tsx'
import { SettingsFrame } from './frame.tsx'
import { rolesQuery, usersQuery } from './settings-queries.ts'

type Asked = { readonly kind: 'new' } | { readonly kind: 'edit' | 'delete'; readonly user: User }

/** Who can sign in. */
export function UsersPage(): ReactNode {
  const { data, error, isPending } = useQuery(usersQuery)
  const roles = useQuery(rolesQuery).data ?? []
  const access = useAccess()
  const [asked, setAsked] = useState<Asked>()
  const names = new Map<string, string>(roles.map(({ id, name }) => [id, name]))
  return (
    <SettingsFrame
      title={t.users}
      actions={
        <Button
          look="solid"
          icon={<Plus size={16} aria-hidden />}
          reason={lacking(access, 'user:create')}
          onClick={() => setAsked({ kind: 'new' })}
        >
          {t.userNew}
        </Button>
      }
    >
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      {data && (
        <Card title={t.users}>
          <SimpleTable
            label={t.users}
            heads={[t.userName, t.fullName, t.roles, t.secondFactor, t.source, t.lastLogin, common.edit]}
            none={t.usersNone}
            rows={data.map((user) => ({
              id: user.id,
              cells: [
                <>
                  <b className="font-medium">{user.name}</b>
                  {user.disabled && <span className="text-warn block text-xs">{t.disabledMark}</span>}
                </>,
                user.fullName ?? common.none,
                <Tags tags={user.roles.map((id) => names.get(id) ?? id)} />,
                user.totp ? common.on : common.off,
                t.sources[user.source],
                <Ago time={user.lastLogin} />,
                <span className="flex gap-2">
                  <Button
                    reason={lacking(access, 'user:update')}
                    aria-label={`${common.edit} ${user.name}`}
                    onClick={() => setAsked({ kind: 'edit', user })}
                  >
                    {common.edit}
                  </Button>
                  <Button
                    reason={lacking(access, 'user:delete')}
                    aria-label={`${common.deleteAsk} ${user.name}`}
                    onClick={() => setAsked({ kind: 'delete', user })}
                  >
                    {common.deleteAsk}
                  </Button>
                </span>,
              ],
            }))}
          />
        </Card>
      )}
      {asked?.kind === 'delete' && <DeleteUser user={asked.user} onClose={() => setAsked(undefined)} />}
      {asked && asked.kind !== 'delete' && (
        <UserDialog
          user={asked.kind === 'edit' ? asked.user : undefined}
          roles={roles}
          onClose={() => setAsked(undefined)}
        />
      )}
    </SettingsFrame>
  )
}

function UserDialog({
  user,
  roles,
  onClose,
}: {
  readonly user: User | undefined
  readonly roles: readonly Role[]
  readonly onClose: () => void
}): ReactNode {
  const queries = useQueryClient()
  const [name, setName] = useState(user?.name ?? '')
  const [fullName, setFullName] = useState(user?.fullName ?? '')
  const [email, setEmail] = useState(user?.email ?? '')
  const [password, setPassword] = useState('')
  const [given, setGiven] = useState<readonly string[]>(user?.roles ?? [])
  const [disabled, setDisabled] = useState(user?.disabled ?? false)
  const [takeTotp, setTakeTotp] = useState(false)
  const isLocal = user === undefined || user.source === 'local'
  const send = async (): Promise<void> => {
    const chosen = roles.flatMap(({ id }) => (given.includes(id) ? [id] : []))
    const people = {
      ...(fullName.trim() === '' ? {} : { fullName: fullName.trim() }),
      ...(email.trim() === '' ? {} : { email: email.trim() }),
      roles: chosen,
      disabled,
    }
    if (!user) await client.user.create({ name: name.trim(), password, ...people })
    else
      await client.user.update({
        id: user.id,
        ...people,
        ...(isLocal && name.trim() !== user.name ? { name: name.trim() } : {}),
        ...(password === '' ? {} : { password }),
        ...(takeTotp ? { totp: false as const } : {}),
      })
    await queries.invalidateQueries({ queryKey: usersQuery.queryKey })
  }
  return (
    <FormDialog title={user?.name ?? t.userNew} label={common.save} send={send} onClose={onClose}>
      <TextField
        label={t.userName}
        required
        autoFocus
        autoComplete="off"
        disabled={!isLocal}
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      <TextField label={t.fullName} value={fullName} onChange={({ target }) => setFullName(target.value)} />
      <TextField label={t.email} type="email" value={email} onChange={({ target }) => setEmail(target.value)} />
      {isLocal && (
        <TextField
          label={t.newPassword}
          help={user ? t.passwordNewHelp : undefined}
          type="password"
          autoComplete="new-password"
          required={!user}
          value={password}
          onChange={({ target }) => setPassword(target.value)}
        />
      )}
      <ChoiceField
        label={t.roles}
        options={roles.map(({ id, name: label }) => ({ id, label }))}
        chosen={given}
        onChange={setGiven}
      />
      <CheckField label={t.disabledUser} checked={disabled} onChange={({ target }) => setDisabled(target.checked)} />
      {user?.totp === true && (
        <CheckField label={t.totpTakeAway} checked={takeTotp} onChange={({ target }) => setTakeTotp(target.checked)} />
      )}
    </FormDialog>
  )
}

function DeleteUser({ user, onClose }: { readonly user: User; readonly onClose: () => void }): ReactNode {
  const queries = useQueryClient()
  const send = async (): Promise<void> => {
    await client.user.delete({ id: user.id })
    await queries.invalidateQueries({ queryKey: usersQuery.queryKey })
  }
  return (
    <FormDialog
      title={t.userDelete({ name: user.name })}
      label={common.delete}
      look="danger"
      send={send}
      onClose={onClose}
    >
      <p>{t.userDeleteHelp}</p>
    </FormDialog>
  )
}
