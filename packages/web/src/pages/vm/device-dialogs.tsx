import { GiB } from '@nixen/core'
import type { Disk, DiskId, Nic, Vm } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { waitForTask } from '../../actions/wait-for-task.ts'
import { formatBytes } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { inventoryText } from '../../i18n/inventory.ts'
import { vmText as t } from '../../i18n/vm.ts'
import { useAll } from '../../live/live.ts'
import { client } from '../../session/session.ts'
import { SelectField, TextField } from '../../ui/field.tsx'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { StorageField } from './storage-field.tsx'

interface OfVm {
  readonly vm: Vm
  readonly onClose: () => void
}
interface OfDisk {
  readonly disk: Disk
  readonly onClose: () => void
}

/** Attaches a disk that is there, or one that is made for it. */
export function AddDiskDialog({ vm, onClose }: OfVm): ReactNode {
  const free = useAll('disk').filter(
    ({ pool, kind, vms, snapshotOf, missing }) =>
      pool === vm.pool && kind === 'disk' && vms.length === 0 && snapshotOf === undefined && missing !== true,
  )
  const [kind, setKind] = useState<'new' | 'known'>('new')
  const [known, setKnown] = useState('')
  const [name, setName] = useState(`${vm.name} ${vm.drives.length}`)
  const [size, setSize] = useState(20)
  const [storage, setStorage] = useState('')
  const send = async (): Promise<void> => {
    if (kind === 'known') return void (await client.vm.attachDisk({ id: vm.id, disk: known }))
    // The answer names the task; the disk is there when it has ended.
    const { task } = await client.disk.create({
      storage: storage,
      name: name.trim(),
      size: Math.round(size * GiB),
    })
    const { made } = await waitForTask(task)
    // What `disk create` made is a disk.
    const [disk] = (made ?? []) as DiskId[]
    if (disk) await client.vm.attachDisk({ id: vm.id, disk })
  }
  const reason = (kind === 'new' ? storage : known) === '' ? common.choose : undefined
  return (
    <FormDialog title={t.addDisk} label={t.attach} reason={reason} send={send} onClose={onClose}>
      <SelectField
        label={t.diskKind}
        value={kind}
        autoFocus
        onChange={({ target }) => setKind(target.value === 'known' ? 'known' : 'new')}
      >
        <option value="new">{t.diskNew}</option>
        <option value="known">{t.diskKnown}</option>
      </SelectField>
      {kind === 'new' ? (
        <>
          <TextField label={t.diskName} required value={name} onChange={({ target }) => setName(target.value)} />
          <TextField
            label={t.diskSize}
            type="number"
            min={0.001}
            step="any"
            required
            value={size}
            onChange={({ target }) => setSize(target.valueAsNumber)}
          />
          <StorageField pool={vm.pool} value={storage} onChange={setStorage} />
        </>
      ) : (
        <SelectField
          label={inventoryText.disk}
          value={known}
          help={free.length === 0 ? t.none : undefined}
          onChange={({ target }) => setKnown(target.value)}
        >
          <option value="">{common.choose}</option>
          {free.slice(0, 500).map(({ id, name: label, size: bytes }) => (
            <option key={id} value={id}>
              {label || id} ({formatBytes(bytes)})
            </option>
          ))}
        </SelectField>
      )}
    </FormDialog>
  )
}

export function ResizeDialog({ disk, onClose }: OfDisk): ReactNode {
  const [size, setSize] = useState(Math.ceil((disk.size / GiB) * 100) / 100)
  return (
    <FormDialog
      title={t.resizeOf({ name: disk.name })}
      label={common.save}
      reason={size * GiB <= disk.size ? t.resizeHelp : undefined}
      send={async () => void (await client.disk.resize({ id: disk.id, size: Math.round(size * GiB) }))}
      onClose={onClose}
    >
      <TextField
        label={t.diskSize}
        help={t.resizeHelp}
        type="number"
        min={disk.size / GiB}
        step="any"
        required
        autoFocus
        value={size}
        onChange={({ target }) => setSize(target.valueAsNumber)}
      />
    </FormDialog>
  )
}

export function MoveDialog({ disk, onClose }: OfDisk): ReactNode {
  const [storage, setStorage] = useState('')
  return (
    <FormDialog
      title={t.moveDiskOf({ name: disk.name })}
      label={t.move}
      reason={storage === '' ? common.choose : undefined}
      send={async () => void (await client.disk.migrate({ id: disk.id, storage: storage }))}
      onClose={onClose}
    >
      <StorageField pool={disk.pool} value={storage} onChange={setStorage} without={disk.storage} />
    </FormDialog>
  )
}

export function DetachDialog({ vm, disk, onClose }: OfVm & OfDisk): ReactNode {
  return (
    <FormDialog
      title={t.detachOf({ name: disk.name })}
      label={t.detach}
      send={async () => void (await client.vm.detachDisk({ id: vm.id, disk: disk.id }))}
      onClose={onClose}
    >
      <p>{t.detachHelp}</p>
    </FormDialog>
  )
}

export function MediaDialog({ vm, onClose }: OfVm): ReactNode {
  const images = useAll('disk').filter(({ pool, kind }) => pool === vm.pool && kind === 'image')
  const [image, setImage] = useState('')
  return (
    <FormDialog
      title={t.insertMedia}
      label={t.insertMedia}
      reason={image === '' ? common.choose : undefined}
      send={async () => void (await client.vm.insertMedia({ id: vm.id, disk: image }))}
      onClose={onClose}
    >
      <SelectField
        label={t.image}
        value={image}
        help={images.length === 0 ? t.none : undefined}
        autoFocus
        onChange={({ target }) => setImage(target.value)}
      >
        <option value="">{common.choose}</option>
        {images.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </SelectField>
    </FormDialog>
  )
}

export function AddNicDialog({ vm, onClose }: OfVm): ReactNode {
  const networks = useAll('network').filter(({ pool }) => pool === vm.pool)
  const [network, setNetwork] = useState('')
  const [mac, setMac] = useState('')
  const send = async (): Promise<void> => {
    await client.vm.addNic({ id: vm.id, network: network, ...(mac === '' ? {} : { mac: mac.trim() }) })
  }
  return (
    <FormDialog
      title={t.addNic}
      label={common.add}
      reason={network === '' ? common.choose : undefined}
      send={send}
      onClose={onClose}
    >
      <SelectField label={t.network} value={network} autoFocus onChange={({ target }) => setNetwork(target.value)}>
        <option value="">{common.choose}</option>
        {networks.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </SelectField>
      <TextField
        label={inventoryText.mac}
        help={t.macHelp}
        placeholder="52:54:00:12:34:56"
        spellCheck={false}
        value={mac}
        onChange={({ target }) => setMac(target.value)}
      />
    </FormDialog>
  )
}

export function RemoveNicDialog({ vm, nic, onClose }: OfVm & { readonly nic: Nic }): ReactNode {
  return (
    <FormDialog
      title={t.removeNic({ name: nic.name })}
      label={common.remove}
      look="danger"
      send={async () => void (await client.vm.removeNic({ id: vm.id, nic: nic.id }))}
      onClose={onClose}
    >
      <p>{t.removeNicHelp}</p>
    </FormDialog>
  )
}
