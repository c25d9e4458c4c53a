import { diskCan, nicCan, vmCan, type Disk, type Nic, type Vm } from '@nixen/api'
import { Ellipsis, Plus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { formatBytes } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { inventoryText as t } from '../../i18n/inventory.ts'
import { vmText } from '../../i18n/vm.ts'
import { inventory, useAll } from '../../live/live.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { ObjectLink } from '../../ui/link-to.tsx'
import { Menu, type MenuEntry } from '../../ui/menu.tsx'
import { Card } from '../../ui/page.tsx'
import { SimpleTable } from '../../ui/simple-table.tsx'
import { toast } from '../../ui/toasts.tsx'
import {
  AddDiskDialog,
  AddNicDialog,
  DetachDialog,
  MediaDialog,
  MoveDialog,
  RemoveNicDialog,
  ResizeDialog,
} from './device-dialogs.tsx'

type Asked = { readonly kind: 'add' | 'media' } | { readonly kind: 'detach' | 'resize' | 'move'; readonly disk: Disk }

/** The reason of a verdict; `undefined` when it may be done. */
function whyNot(verdict: { readonly allowed: boolean; readonly reason?: string }): string | undefined {
  return verdict.allowed ? undefined : verdict.reason
}

/** Does something that needs no form; what went wrong is told in the corner. */
function ask(work: () => Promise<unknown>): void {
  work().catch((error: unknown) => toast('bad', errorText(error)))
}

/** Disks and drives of a VM, and what can be done with them. */
export function Drives({ vm }: { readonly vm: Vm }): ReactNode {
  useAll('disk')
  const access = useAccess()
  const [asked, setAsked] = useState<Asked>()
  const close = (): void => setAsked(undefined)
  const mayConfigure = lacking(access, 'vm:configure', vm)
  const entriesOf = (disk: Disk): readonly MenuEntry[] => [
    {
      id: 'resize',
      label: vmText.resize,
      reason: lacking(access, 'disk:resize', disk) ?? whyNot(diskCan.resize.check(disk)),
      run: () => setAsked({ kind: 'resize', disk }),
    },
    {
      id: 'move',
      label: vmText.moveDisk,
      reason: lacking(access, 'disk:migrate', disk) ?? whyNot(diskCan.migrate.check(disk)),
      run: () => setAsked({ kind: 'move', disk }),
    },
    {
      id: 'detach',
      label: `${vmText.detach} …`,
      reason: mayConfigure ?? whyNot(vmCan.detachDisk.check(vm)),
      run: () => setAsked({ kind: 'detach', disk }),
    },
  ]
  const mediaEntries: readonly MenuEntry[] = [
    {
      id: 'insert',
      label: vmText.insert,
      reason: lacking(access, 'vm:media', vm),
      run: () => setAsked({ kind: 'media' }),
    },
    {
      id: 'eject',
      label: vmText.eject,
      reason: lacking(access, 'vm:media', vm) ?? whyNot(vmCan.ejectMedia.check(vm)),
      run: () => ask(async () => await client.vm.ejectMedia({ id: vm.id })),
    },
  ]
  return (
    <Card
      title={t.drives}
      actions={
        <Button
          icon={<Plus size={16} aria-hidden />}
          reason={mayConfigure ?? whyNot(vmCan.attachDisk.check(vm))}
          onClick={() => setAsked({ kind: 'add' })}
        >
          {vmText.addDisk}
        </Button>
      }
    >
      <SimpleTable
        label={t.drives}
        heads={[t.device, t.disk, t.size, t.storage, common.state, common.edit]}
        none={t.noDrives}
        rows={vm.drives.map(({ key, kind, disk: diskId, device, attached, readOnly }) => {
          const disk = diskId === undefined ? undefined : inventory.get('disk', diskId)
          const name = disk ? disk.name || common.noName : kind === 'cd' ? t.emptyCd : common.none
          return {
            id: key,
            cells: [
              device ?? kind,
              name,
              disk ? formatBytes(disk.size) : common.none,
              <ObjectLink id={disk?.storage} />,
              [attached === true ? t.plugged : t.notPlugged, readOnly === true ? t.readOnly : '']
                .filter(Boolean)
                .join(', '),
              kind === 'cd' || disk ? (
                <Menu
                  label={vmText.actionsOf({ name: `${device ?? kind} ${name}` })}
                  look="quiet"
                  icon={<Ellipsis size={16} aria-hidden />}
                  entries={kind === 'cd' ? mediaEntries : disk ? entriesOf(disk) : []}
                />
              ) : (
                common.none
              ),
            ],
          }
        })}
      />
      {asked?.kind === 'add' && <AddDiskDialog vm={vm} onClose={close} />}
      {asked?.kind === 'media' && <MediaDialog vm={vm} onClose={close} />}
      {asked?.kind === 'resize' && <ResizeDialog disk={asked.disk} onClose={close} />}
      {asked?.kind === 'move' && <MoveDialog disk={asked.disk} onClose={close} />}
      {asked?.kind === 'detach' && <DetachDialog vm={vm} disk={asked.disk} onClose={close} />}
    </Card>
  )
}

/** NICs of a VM, and what can be done with them. */
export function Nics({ vm }: { readonly vm: Vm }): ReactNode {
  const nics = useAll('nic').filter(({ vm: owner }) => owner === vm.id)
  const access = useAccess()
  const [asked, setAsked] = useState<'add' | Nic>()
  const mayConfigure = lacking(access, 'vm:configure', vm)
  return (
    <Card
      title={t.nics}
      actions={
        <Button
          icon={<Plus size={16} aria-hidden />}
          reason={mayConfigure ?? whyNot(vmCan.addNic.check(vm))}
          onClick={() => setAsked('add')}
        >
          {vmText.addNic}
        </Button>
      }
    >
      <SimpleTable
        label={t.nics}
        heads={[t.nic, t.network, t.mac, t.addresses, common.state, common.edit]}
        none={t.noNics}
        rows={nics
          .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0))
          .map((nic) => ({
            id: nic.id,
            cells: [
              nic.name,
              <ObjectLink id={nic.network} />,
              nic.mac ?? common.none,
              nic.ips.join(', ') || common.none,
              nic.attached ? t.plugged : t.notPlugged,
              <Menu
                label={vmText.actionsOf({ name: nic.name })}
                look="quiet"
                icon={<Ellipsis size={16} aria-hidden />}
                entries={[
                  {
                    id: 'plug',
                    label: nic.attached ? vmText.unplug : vmText.plug,
                    reason:
                      lacking(access, 'nic:update', nic) ??
                      whyNot((nic.attached ? nicCan.disconnect : nicCan.connect).check(nic)),
                    run: () =>
                      ask(async () =>
                        nic.attached
                          ? await client.nic.disconnect({ id: nic.id })
                          : await client.nic.connect({ id: nic.id }),
                      ),
                  },
                  {
                    id: 'remove',
                    label: common.removeAsk,
                    danger: true,
                    reason: mayConfigure ?? whyNot(vmCan.removeNic.check(vm)),
                    run: () => setAsked(nic),
                  },
                ]}
              />,
            ],
          }))}
      />
      {asked === 'add' && <AddNicDialog vm={vm} onClose={() => setAsked(undefined)} />}
      {asked !== undefined && asked !== 'add' && (
        <RemoveNicDialog vm={vm} nic={asked} onClose={() => setAsked(undefined)} />
      )}
    </Card>
  )
}
