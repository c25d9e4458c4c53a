import type { Connection } from '@nixen/api'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { ConnectionState } from '../lists/states.tsx'
import { useAll } from '../live/live.ts'
import { lacking, useAccess } from '../session/may.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { ObjectLink } from '../ui/link-to.tsx'
import { Notice } from '../ui/notice.tsx'
import { Facts, Page } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { useWork } from '../ui/use-work.ts'
import { NothingConnected, solidLink } from './nothing-connected.tsx'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { connectionsText as t } from '../i18n/connections.ts'

/** The pools that Nixen is connected to, and how each connection stands. */
export function ConnectionsPage(): ReactNode {
  const connections = useAll('connection').toSorted((a, b) => a.name.localeCompare(b.name))
  return (
    <Page
      title={shell.connections}
      fill={connections.length === 0}
      actions={
        connections.length > 0 && (
          <Link to="/connections/new" className={solidLink}>
            <Plus size={16} aria-hidden /> {shell.connectPool}
          </Link>
        )
      }
    >
      {connections.length === 0 ? (
        <NothingConnected what="vms" />
      ) : (
        <ul className="grid gap-4 xl:grid-cols-2">
          {connections.map((connection) => (
            <ConnectionCard key={connection.id} connection={connection} />
          ))}
        </ul>
      )}
    </Page>
  )
}

function ConnectionCard({ connection }: { readonly connection: Connection }): ReactNode {
  const { id, name, address, username, state, since, retryAt, error, fingerprint, product, pool, enabled } = connection
  const access = useAccess()
  const work = useWork()
  const [removing, setRemoving] = useState(false)
  const mayUpdate = lacking(access, 'connection:update', connection)
  return (
    <li className="bg-panel border-line rounded-lg border p-4">
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2 className="font-semibold break-words">{name}</h2>
        <ConnectionState connection={connection} />
        <div className="ml-auto flex flex-wrap gap-2">
          <Button
            reason={mayUpdate ?? (enabled ? undefined : t.isDisabled)}
            disabled={work.busy}
            onClick={() => void work.run(async () => void (await client.connection.reconnect({ id })))}
          >
            {t.reconnect}
          </Button>
          <Button
            reason={mayUpdate}
            disabled={work.busy}
            onClick={() => void work.run(async () => void (await client.connection.update({ id, enabled: !enabled })))}
          >
            {enabled ? t.disable : t.enable}
          </Button>
          <Button reason={lacking(access, 'connection:remove', connection)} onClick={() => setRemoving(true)}>
            {common.removeAsk}
          </Button>
        </div>
      </div>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      {error && state !== 'connected' && <Notice tone="warn">{error.message}</Notice>}
      <div className="mt-3">
        <Facts
          facts={[
            [t.address, address],
            [t.user, username],
            [t.pool, pool && <ObjectLink id={pool} />],
            [t.product, product],
            [t.readOnly, connection.readOnly ? t.readOnlyYes : undefined],
            [t.inThisState, <Ago time={since} />],
            [t.nextAttempt, retryAt === undefined ? undefined : <Ago time={retryAt} />],
            [t.pinned, fingerprint && <code className="text-xs break-all">{fingerprint}</code>],
          ]}
        />
      </div>
      {removing && <RemoveDialog connection={connection} onClose={() => setRemoving(false)} />}
    </li>
  )
}

function RemoveDialog({
  connection: { id, name },
  onClose,
}: {
  readonly connection: Connection
  readonly onClose: () => void
}): ReactNode {
  const work = useWork()
  return (
    <Dialog title={t.removeOf({ name })} onClose={onClose}>
      <p>{t.removeHelp}</p>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <DialogButtons>
        <Button onClick={onClose}>{common.cancel}</Button>
        <Button
          look="danger"
          disabled={work.busy}
          onClick={() =>
            void work.run(async () => {
              await client.connection.remove({ id })
              onClose()
            })
          }
        >
          {common.remove}
        </Button>
      </DialogButtons>
    </Dialog>
  )
}
