import type { Snapshot, Vm } from '@nixen/api'
import { useParams } from '@tanstack/react-router'
import { Ellipsis } from 'lucide-react'
import type { ReactNode } from 'react'
import { CodeLine } from '../actions/equivalent-lines.tsx'
import { useVmActions } from '../actions/use-vm-actions.tsx'
import { type VmActionName } from '../actions/equivalents.ts'
import { vmAction, vmActions } from '../actions/vm-actions.tsx'
import { formatBytes } from '../format/format.ts'
import { PowerState } from '../lists/states.tsx'
import { useAll, useObject } from '../live/live.ts'
import { usePageCommands } from '../shell/page-commands.ts'
import { Button } from '../ui/button.tsx'
import { ObjectLink } from '../ui/link-to.tsx'
import { Menu } from '../ui/menu.tsx'
import { Notice } from '../ui/notice.tsx'
import { Card, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { Tags } from '../ui/tags.tsx'
import { Ago } from '../ui/time.tsx'
import { Gone } from './page-error.tsx'

/** One VM. */
export function VmPage(): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const vm = useObject('vm', id)
  return vm ? <VmDetails key={id} vm={vm} /> : <Gone what="VM" list="/vms" />
}

/** The three actions that are wanted most in a state. */
const mainActions: Readonly<Partial<Record<Vm['power'], readonly VmActionName[]>>> = {
  running: ['shutdown', 'reboot', 'snapshot'],
  paused: ['unpause', 'snapshot'],
  suspended: ['resume', 'snapshot'],
}

function VmDetails({ vm }: { readonly vm: Vm }): ReactNode {
  const acting = useVmActions(vm)
  const main = mainActions[vm.power] ?? ['start', 'snapshot']
  usePageCommands(
    vmActions.map((action) => ({
      id: `vm.${action.name}`,
      label: `${action.label} ${vm.name}`,
      kind: 'action',
      reason: acting.reasonOf(action.name),
      run: () => acting.begin(action),
    })),
  )
  return (
    <Page
      title={vm.name || '(no name)'}
      crumbs={[{ label: 'VMs', to: '/vms' }]}
      note={<PowerState vm={vm} />}
      actions={
        <>
          {main.map((name, index) => {
            const action = vmAction(name)
            return (
              <Button
                key={name}
                look={index === 0 ? 'solid' : 'plain'}
                icon={action.icon}
                reason={acting.reasonOf(name)}
                onClick={() => acting.begin(action)}
              >
                {action.label}
                {action.asks ? ' …' : ''}
              </Button>
            )
          })}
          <Menu label="More actions" entries={acting.entries} icon={<Ellipsis size={16} aria-hidden />} />
          {acting.dialog}
        </>
      }
    >
      {Object.entries(vm.blocked ?? {}).map(([action, reason]) => (
        <Notice key={action} tone="info">
          {action} is blocked: {reason || 'no reason was given'}
        </Notice>
      ))}
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title="What it is">
          <VmFacts vm={vm} />
        </Card>
        <Card title="Resources">
          <Facts
            facts={[
              ['vCPUs', cpus(vm)],
              ['Memory', memory(vm)],
              [
                'Disks',
                `${formatBytes(vm.diskSize)}${vm.diskUsed === undefined ? '' : `, ${formatBytes(vm.diskUsed)} taken`}`,
              ],
              [
                'Firmware',
                [vm.firmware, vm.secureBoot ? 'secure boot' : '', vm.tpm ? 'TPM' : ''].filter(Boolean).join(', '),
              ],
              ['Virtualization', vm.virtualization],
              ['High availability', vm.ha],
              ['Starts with its host', vm.autoStart === undefined ? undefined : vm.autoStart ? 'yes' : 'no'],
            ]}
          />
        </Card>
        <Drives vm={vm} />
        <Nics vm={vm} />
        <Snapshots vm={vm} />
        <Card title="From elsewhere">
          <div className="grid gap-2">
            <CodeLine label="command" text={`nixen vm get ${vm.id}`} />
            <CodeLine label="API call" text={`GET /api/v1/vms/${vm.id}`} />
          </div>
        </Card>
      </div>
    </Page>
  )
}

function VmFacts({ vm }: { readonly vm: Vm }): ReactNode {
  const { agent } = vm
  const tools = !agent
    ? undefined
    : `${agent.running ? 'running' : 'not running'}${agent.version === undefined ? '' : `, ${agent.version}`}${agent.outdated === true ? ', outdated' : ''}`
  return (
    <Facts
      facts={[
        ['Description', vm.description],
        ['Tags', vm.tags.length > 0 ? <Tags tags={vm.tags} /> : undefined],
        ['Host', vm.host === undefined ? undefined : <ObjectLink id={vm.host} />],
        ['Prefers host', vm.homeHost === undefined ? undefined : <ObjectLink id={vm.homeHost} />],
        ['Pool', <ObjectLink id={vm.pool} />],
        ['System', vm.os?.name],
        ['Guest tools', tools],
        ['Host name', vm.hostname],
        ['Addresses', vm.ips.join(', ')],
        ['Started', vm.started === undefined ? undefined : <Ago time={vm.started} />],
        ['Made', vm.created === undefined ? undefined : <Ago time={vm.created} />],
        ['Id', <code className="text-xs break-all">{vm.id}</code>],
      ]}
    />
  )
}

function cpus({ vcpus, vcpusMax }: Vm): string {
  return vcpusMax !== undefined && vcpusMax > vcpus ? `${vcpus}, at most ${vcpusMax}` : String(vcpus)
}

function memory({ memory: now, memoryMin, memoryMax }: Vm): string {
  if (memoryMin === undefined || memoryMax === undefined || memoryMin === memoryMax) return formatBytes(now)
  return `${formatBytes(now)}, between ${formatBytes(memoryMin)} and ${formatBytes(memoryMax)}`
}

function Drives({ vm }: { readonly vm: Vm }): ReactNode {
  const disks = useAll('disk')
  return (
    <Card title="Disks and drives">
      <SimpleTable
        label="Disks and drives"
        heads={['Device', 'Disk', 'Size', 'Storage', 'State']}
        none="It has no drives."
        rows={vm.drives.map(({ key, kind, disk: diskId, device, attached, readOnly }) => {
          const disk = disks.find(({ id }) => id === diskId)
          return {
            id: key,
            cells: [
              device ?? kind,
              disk ? disk.name || '(no name)' : kind === 'cd' ? 'empty CD drive' : '–',
              disk ? formatBytes(disk.size) : '–',
              <ObjectLink id={disk?.storage} />,
              [attached === true ? 'plugged' : 'not plugged', readOnly === true ? 'read-only' : '']
                .filter(Boolean)
                .join(', '),
            ],
          }
        })}
      />
    </Card>
  )
}

function Nics({ vm }: { readonly vm: Vm }): ReactNode {
  const nics = useAll('nic').filter(({ vm: owner }) => owner === vm.id)
  return (
    <Card title="NICs">
      <SimpleTable
        label="NICs"
        heads={['NIC', 'Network', 'MAC', 'Addresses', 'State']}
        none="It has no NICs."
        rows={nics
          .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0))
          .map(({ id, name, network, mac, ips, attached }) => ({
            id,
            cells: [
              name,
              <ObjectLink id={network} />,
              mac ?? '–',
              ips.join(', ') || '–',
              attached ? 'plugged' : 'not plugged',
            ],
          }))}
      />
    </Card>
  )
}

function Snapshots({ vm }: { readonly vm: Vm }): ReactNode {
  const snapshots: readonly Snapshot[] = useAll('snapshot').filter(({ vm: owner }) => owner === vm.id)
  return (
    <Card title="Snapshots">
      <SimpleTable
        label="Snapshots"
        heads={['Name', 'Made', 'Memory', 'Takes']}
        none="It has no snapshots."
        rows={snapshots
          .toSorted((a, b) => b.created - a.created)
          .map(({ id, name, created, memory: withMemory, used, current }) => ({
            id,
            cells: [
              current === true ? `${name} (current)` : name,
              <Ago time={created} />,
              withMemory ? 'yes' : 'no',
              used === undefined ? '–' : formatBytes(used),
            ],
          }))}
      />
    </Card>
  )
}
