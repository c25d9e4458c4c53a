import { actionsOf, type Grant, type Role } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus, X } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { AreaField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice } from '../../ui/notice.tsx'
import { SettingsFrame } from './frame.tsx'
import { rolesQuery } from './settings-queries.ts'

type Asked = { readonly kind: 'new'; readonly from?: Role } | { readonly kind: 'edit' | 'delete'; readonly role: Role }

/** What users may do who have a role. */
export function RolesPage(): ReactNode {
  const { data, error, isPending } = useQuery(rolesQuery)
  const access = useAccess()
  const [asked, setAsked] = useState<Asked>()
  const close = (): void => setAsked(undefined)
  return (
    <SettingsFrame
      title={t.roles}
      actions={
        <Button
          look="solid"
          icon={<Plus size={16} aria-hidden />}
          reason={lacking(access, 'role:create')}
          onClick={() => setAsked({ kind: 'new' })}
        >
          {t.roleNew}
        </Button>
      }
    >
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      <ul className="grid gap-4 xl:grid-cols-2">
        {data?.map((role) => (
          <RoleCard key={role.id} role={role} onAsk={setAsked} />
        ))}
      </ul>
      {asked?.kind === 'delete' && <DeleteRole role={asked.role} onClose={close} />}
      {asked?.kind === 'new' && <RoleDialog from={asked.from} onClose={close} />}
      {asked?.kind === 'edit' && <RoleDialog role={asked.role} from={asked.role} onClose={close} />}
    </SettingsFrame>
  )
}

function RoleCard({ role, onAsk }: { readonly role: Role; readonly onAsk: (asked: Asked) => void }): ReactNode {
  const access = useAccess()
  const { name, description, builtin, grants } = role
  return (
    <li className="bg-panel border-line grid content-start gap-2 rounded-lg border p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="font-semibold break-words" translate={builtin ? 'no' : undefined}>
          {name}
        </h2>
        {builtin && <span className="text-muted text-xs">{t.roleBuiltin}</span>}
        <span className="ml-auto flex flex-wrap gap-2">
          <Button
            reason={lacking(access, 'role:create')}
            aria-label={`${t.roleCopy} ${name}`}
            onClick={() => onAsk({ kind: 'new', from: role })}
          >
            {t.roleCopy}
          </Button>
          {!builtin && (
            <>
              <Button reason={lacking(access, 'role:update')} onClick={() => onAsk({ kind: 'edit', role })}>
                {common.edit}
              </Button>
              <Button reason={lacking(access, 'role:delete')} onClick={() => onAsk({ kind: 'delete', role })}>
                {common.deleteAsk}
              </Button>
            </>
          )}
        </span>
      </div>
      {description !== undefined && <p translate="no">{description}</p>}
      <ul className="grid gap-1">
        {grants.map(({ actions, scope }) => (
          <li key={`${actions.join(' ')} ${scope}`} className="text-muted text-xs break-words">
            <code>{actions.join(' ')}</code> <span aria-hidden>·</span>{' '}
            {scope === undefined ? t.roleScopeAll : <code>{scope}</code>}
          </li>
        ))}
      </ul>
    </li>
  )
}

interface Draft {
  readonly key: number
  readonly actions: string
  readonly scope: string
}

let drafts = 0
function draftOf({ actions, scope = '' }: Grant): Draft {
  drafts += 1
  return { key: drafts, actions: actions.join(' '), scope }
}

function RoleDialog({
  role,
  from,
  onClose,
}: {
  readonly role?: Role
  readonly from?: Role | undefined
  readonly onClose: () => void
}): ReactNode {
  const queries = useQueryClient()
  const [name, setName] = useState(role?.name ?? (from ? t.roleCopyOf({ name: from.name }) : ''))
  const [description, setDescription] = useState(from?.description ?? '')
  const [grants, setGrants] = useState<readonly Draft[]>(() => (from?.grants ?? [{ actions: [] }]).map(draftOf))
  const change = (key: number, next: Partial<Draft>): void =>
    setGrants(grants.map((grant) => (grant.key === key ? { ...grant, ...next } : grant)))
  const send = async (): Promise<void> => {
    const fields = {
      name: name.trim(),
      ...(description.trim() === '' ? {} : { description: description.trim() }),
      grants: grants.map(({ actions, scope }) => ({
        actions: actions.split(/[\s,]+/).filter(Boolean),
        ...(scope.trim() === '' ? {} : { scope: scope.trim() }),
      })),
    }
    if (role) await client.role.update({ id: role.id, ...fields })
    else await client.role.create(fields)
    await queries.invalidateQueries({ queryKey: rolesQuery.queryKey })
  }
  return (
    <FormDialog title={role?.name ?? t.roleNew} label={common.save} wide send={send} onClose={onClose}>
      <TextField label={common.name} required autoFocus value={name} onChange={({ target }) => setName(target.value)} />
      <TextField
        label={common.description}
        value={description}
        onChange={({ target }) => setDescription(target.value)}
      />
      {grants.map((grant) => (
        <fieldset key={grant.key} className="border-line grid gap-3 rounded-md border p-3">
          <legend className="sr-only">{t.roleGrants}</legend>
          <AreaField
            label={t.roleActions}
            help={t.roleActionsHelp}
            rows={2}
            required
            spellCheck={false}
            className="font-mono text-xs"
            value={grant.actions}
            onChange={({ target }) => change(grant.key, { actions: target.value })}
          />
          <div className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              <TextField
                label={t.roleScope}
                help={t.roleScopeHelp}
                spellCheck={false}
                value={grant.scope}
                onChange={({ target }) => change(grant.key, { scope: target.value })}
              />
            </div>
            {grants.length > 1 && (
              <IconButton
                label={t.roleRemoveGrant}
                className="mt-6"
                onClick={() => setGrants(grants.filter(({ key }) => key !== grant.key))}
                icon={<X size={16} aria-hidden />}
              />
            )}
          </div>
        </fieldset>
      ))}
      <div>
        <Button onClick={() => setGrants([...grants, draftOf({ actions: [] })])}>{t.roleAddGrant}</Button>
      </div>
      <details>
        <summary className="text-muted min-h-8 cursor-pointer">{t.rolePermissions}</summary>
        <p className="text-muted text-xs break-words">
          {Object.entries(actionsOf).map(([type, actions]) => (
            <code key={type} className="block">
              {actions.map((action) => `${type}:${action}`).join(' ')}
            </code>
          ))}
        </p>
      </details>
    </FormDialog>
  )
}

function DeleteRole({ role, onClose }: { readonly role: Role; readonly onClose: () => void }): ReactNode {
  const queries = useQueryClient()
  const send = async (): Promise<void> => {
    await client.role.delete({ id: role.id })
    await queries.invalidateQueries({ queryKey: rolesQuery.queryKey })
  }
  return (
    <FormDialog
      title={t.roleDelete({ name: role.name })}
      label={common.delete}
      look="danger"
      send={send}
      onClose={onClose}
    >
      <p>{t.roleDeleteHelp}</p>
    </FormDialog>
  )
}
