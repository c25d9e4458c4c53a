import type { Vm } from '@nixen/api'
import { Pencil } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { CodeLine } from '../../actions/equivalent-lines.tsx'
import { formatBytes } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { inventoryText as t } from '../../i18n/inventory.ts'
import { vmText } from '../../i18n/vm.ts'
import { Protected } from '../../lists/protected.tsx'
import { lacking, useAccess } from '../../session/may.ts'
import { IconButton } from '../../ui/button.tsx'
import { ObjectLink } from '../../ui/link-to.tsx'
import { Card, Facts } from '../../ui/page.tsx'
import { Tags } from '../../ui/tags.tsx'
import { Ago } from '../../ui/time.tsx'
import { Drives, Nics } from './devices.tsx'
import { EditNameDialog, EditResourcesDialog } from './edit-dialogs.tsx'
import { VmFrame } from './frame.tsx'

/** What a VM is, has and may use. */
export function VmPage(): ReactNode {
  return <VmFrame>{(vm) => <VmDetails vm={vm} />}</VmFrame>
}

function VmDetails({ vm }: { readonly vm: Vm }): ReactNode {
  const access = useAccess()
  const [editing, setEditing] = useState<'name' | 'resources'>()
  return (
    <>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card
          title={t.whatItIs}
          actions={
            <IconButton
              label={vmText.editName}
              reason={lacking(access, 'vm:update', vm)}
              onClick={() => setEditing('name')}
              icon={<Pencil size={15} aria-hidden />}
            />
          }
        >
          <VmFacts vm={vm} />
        </Card>
        <Card
          title={t.resources}
          actions={
            <IconButton
              label={vmText.editResources}
              reason={lacking(access, 'vm:configure', vm)}
              onClick={() => setEditing('resources')}
              icon={<Pencil size={15} aria-hidden />}
            />
          }
        >
          <Facts
            facts={[
              [t.vcpus, cpus(vm)],
              [t.memory, memory(vm)],
              [
                t.disks,
                t.diskSum({
                  size: formatBytes(vm.diskSize),
                  used: vm.diskUsed === undefined ? undefined : formatBytes(vm.diskUsed),
                }),
              ],
              [
                t.firmware,
                [vm.firmware, vm.secureBoot ? t.secureBoot : '', vm.tpm ? t.tpm : ''].filter(Boolean).join(', '),
              ],
              [t.virtualization, vm.virtualization],
              [t.ha, vm.ha],
              [t.autoStart, vm.autoStart === undefined ? undefined : vm.autoStart ? common.yes : common.no],
            ]}
          />
        </Card>
        <Drives vm={vm} />
        <Nics vm={vm} />
        <Card title={t.fromElsewhere}>
          <div className="grid gap-2">
            <CodeLine label={common.command} text={`nixen vm get ${vm.id}`} />
            <CodeLine label={common.apiCall} text={`GET /api/v1/vms/${vm.id}`} />
          </div>
        </Card>
      </div>
      {editing === 'name' && <EditNameDialog vm={vm} onClose={() => setEditing(undefined)} />}
      {editing === 'resources' && <EditResourcesDialog vm={vm} onClose={() => setEditing(undefined)} />}
    </>
  )
}

function VmFacts({ vm }: { readonly vm: Vm }): ReactNode {
  const { agent } = vm
  const tools = !agent
    ? undefined
    : t.tools({ running: agent.running, version: agent.version, outdated: agent.outdated === true })
  return (
    <Facts
      facts={[
        [common.description, vm.description],
        [common.tags, vm.tags.length > 0 ? <Tags tags={vm.tags} /> : undefined],
        [t.host, vm.host === undefined ? undefined : <ObjectLink id={vm.host} />],
        [t.prefers, vm.homeHost === undefined ? undefined : <ObjectLink id={vm.homeHost} />],
        [t.pool, <ObjectLink id={vm.pool} />],
        [t.system, vm.os?.name],
        [t.guestTools, tools],
        [t.hostName, vm.hostname],
        [t.addresses, vm.ips.join(', ')],
        [t.started, vm.started === undefined ? undefined : <Ago time={vm.started} />],
        [t.lastBackup, <Protected vm={vm} />],
        [t.made, vm.created === undefined ? undefined : <Ago time={vm.created} />],
        [common.id, <code className="text-xs break-all">{vm.id}</code>],
      ]}
    />
  )
}

function cpus({ vcpus, vcpusMax }: Vm): string {
  return vcpusMax !== undefined && vcpusMax > vcpus ? t.atMost({ now: vcpus, most: vcpusMax }) : String(vcpus)
}

function memory({ memory: now, memoryMin, memoryMax }: Vm): string {
  if (memoryMin === undefined || memoryMax === undefined || memoryMin === memoryMax) return formatBytes(now)
  return t.between({ now: formatBytes(now), least: formatBytes(memoryMin), most: formatBytes(memoryMax) })
}
