import { snapshotCan, type Snapshot, type Vm } from '@nixen/api'
import { Camera, Ellipsis, MemoryStick } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { useVmActions } from '../../actions/use-vm-actions.tsx'
import { vmAction } from '../../actions/vm-actions.tsx'
import { formatBytes } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { inventoryText } from '../../i18n/inventory.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { useAll } from '../../live/live.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { CheckField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Menu } from '../../ui/menu.tsx'
import { Empty } from '../../ui/page.tsx'
import { Ago } from '../../ui/time.tsx'
import { VmFrame } from './frame.tsx'
import { snapshotTree, type Branch } from './snapshot-tree.ts'

type Asked = { readonly kind: 'revert' | 'clone' | 'delete'; readonly snapshot: Snapshot }

/** The snapshots of a VM as they come from each other, and where it is now. */
export function VmSnapshotsPage(): ReactNode {
  return <VmFrame>{(vm) => <Snapshots vm={vm} />}</VmFrame>
}

function Snapshots({ vm }: { readonly vm: Vm }): ReactNode {
  const snapshots = useAll('snapshot').filter(({ vm: owner }) => owner === vm.id)
  const acting = useVmActions(vm)
  const [asked, setAsked] = useState<Asked>()
  const close = (): void => setAsked(undefined)
  const take = (
    <Button
      look="solid"
      icon={<Camera size={16} aria-hidden />}
      reason={acting.reasonOf('snapshot')}
      onClick={() => acting.begin(vmAction('snapshot'))}
    >
      {t.takeSnapshot}
    </Button>
  )
  return (
    <>
      {snapshots.length === 0 ? (
        <Empty title={inventoryText.noSnapshots} action={take}>
          {t.noSnapshots}
        </Empty>
      ) : (
        <>
          <div>{take}</div>
          <ul aria-label={t.snapshotTree} className="bg-panel border-line rounded-lg border p-3">
            {snapshotTree(snapshots).map((branch) => (
              <BranchItem key={branch.snapshot.id} branch={branch} vm={vm} onAsk={setAsked} />
            ))}
          </ul>
        </>
      )}
      {acting.dialog}
      {asked?.kind === 'revert' && <RevertDialog snapshot={asked.snapshot} onClose={close} />}
      {asked?.kind === 'clone' && <CloneDialog snapshot={asked.snapshot} onClose={close} />}
      {asked?.kind === 'delete' && (
        <FormDialog
          title={t.snapshotDeleteOf({ name: asked.snapshot.name })}
          label={common.delete}
          look="danger"
          send={async () => void (await client.snapshot.delete({ id: asked.snapshot.id }))}
          onClose={close}
        >
          <p>{t.snapshotDeleteHelp}</p>
        </FormDialog>
      )}
    </>
  )
}

function BranchItem({
  branch: { snapshot, children },
  vm,
  onAsk,
}: {
  readonly branch: Branch
  readonly vm: Vm
  readonly onAsk: (asked: Asked) => void
}): ReactNode {
  const access = useAccess()
  const { name, description, created, memory, used, current } = snapshot
  const why = (action: 'revert' | 'clone' | 'delete'): string | undefined => {
    const verdict = snapshotCan[action].check(snapshot)
    return verdict.allowed ? undefined : verdict.reason
  }
  return (
    <li>
      <div className="hover:bg-hover flex min-h-10 flex-wrap items-center gap-x-3 gap-y-1 rounded-md px-2 py-1">
        <Camera size={16} aria-hidden className="text-muted shrink-0" />
        <span className="min-w-0">
          <span className="font-medium break-words">{name}</span>
          {description !== undefined && description !== '' && (
            <span className="text-muted block text-xs break-words">{description}</span>
          )}
        </span>
        {memory && (
          <span className="text-muted inline-flex items-center gap-1 text-xs">
            <MemoryStick size={14} aria-hidden /> {t.withMemory}
          </span>
        )}
        {current === true && <span className="bg-good-soft text-good rounded px-1.5 text-xs leading-5">{t.now}</span>}
        <span className="text-muted ml-auto text-xs">
          <Ago time={created} />
          {used === undefined ? '' : `, ${formatBytes(used)}`}
        </span>
        <Menu
          look="quiet"
          label={t.actionsOf({ name })}
          icon={<Ellipsis size={16} aria-hidden />}
          entries={[
            {
              id: 'revert',
              label: t.revert,
              reason: lacking(access, 'vm:revert', vm) ?? why('revert'),
              run: () => onAsk({ kind: 'revert', snapshot }),
            },
            {
              id: 'clone',
              label: t.snapshotClone,
              reason: lacking(access, 'vm:clone', snapshot) ?? why('clone'),
              run: () => onAsk({ kind: 'clone', snapshot }),
            },
            {
              id: 'delete',
              label: t.snapshotDelete,
              danger: true,
              reason: lacking(access, 'snapshot:delete', snapshot) ?? why('delete'),
              run: () => onAsk({ kind: 'delete', snapshot }),
            },
          ]}
        />
      </div>
      {children.length > 0 && (
        <ul className="border-line ml-4 border-l pl-3">
          {children.map((child) => (
            <BranchItem key={child.snapshot.id} branch={child} vm={vm} onAsk={onAsk} />
          ))}
        </ul>
      )}
    </li>
  )
}

interface SnapshotDialogProps {
  readonly snapshot: Snapshot
  readonly onClose: () => void
}

function RevertDialog({ snapshot: { id, name }, onClose }: SnapshotDialogProps): ReactNode {
  const [keep, setKeep] = useState(true)
  const [start, setStart] = useState(false)
  return (
    <FormDialog
      title={t.revertOf({ name })}
      label={t.revertOf({ name })}
      look="danger"
      send={async () => void (await client.snapshot.revert({ id, keep, start }))}
      onClose={onClose}
    >
      <p>{t.revertHelp}</p>
      <CheckField label={t.revertKeep} checked={keep} onChange={({ target }) => setKeep(target.checked)} />
      <CheckField label={t.revertStart} checked={start} onChange={({ target }) => setStart(target.checked)} />
    </FormDialog>
  )
}

function CloneDialog({ snapshot: { id, name: of }, onClose }: SnapshotDialogProps): ReactNode {
  const [name, setName] = useState('')
  const send = async (): Promise<void> => {
    await client.snapshot.clone({ id, ...(name.trim() === '' ? {} : { name: name.trim() }) })
  }
  return (
    <FormDialog title={`${t.snapshotClone} ${of}`} label={t.create} send={send} onClose={onClose}>
      <TextField label={t.newName} autoFocus value={name} onChange={({ target }) => setName(target.value)} />
    </FormDialog>
  )
}
