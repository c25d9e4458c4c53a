import type { Snapshot, Vm } from '@nixen/api'
import { Link, useParams } from '@tanstack/react-router'
import { Ellipsis, MonitorPlay } from 'lucide-react'
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
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { inventoryText as t } from '../i18n/inventory.ts'
import { actionsText } from '../i18n/actions.ts'

/** One VM. */
export function VmPage(): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const vm = useObject('vm', id)
  return vm ? <VmDetails key={id} vm={vm} /> : <Gone what="vm" list="/vms" />
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
      label: actionsText.title({ action: action.label, name: vm.name }),
      kind: shell.kinds.action,
      reason: acting.reasonOf(action.name),
      run: () => acting.begin(action),
    })),
  )
  return (
    <Page
      title={vm.name || common.noName}
      crumbs={[{ label: shell.vms, to: '/vms' }]}
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
          <Link
            to="/vms/$id/console"
            params={{ id: vm.id }}
            className="border-line bg-raised hover:bg-hover inline-flex min-h-8 items-center gap-1.5 rounded-md border px-3 text-sm font-medium"
          >
            <MonitorPlay size={16} aria-hidden /> {t.consoleTab}
          </Link>
          <Menu label={actionsText.moreActions} entries={acting.entries} icon={<Ellipsis size={16} aria-hidden />} />
          {acting.dialog}
        </>
      }
    >
      {Object.entries(vm.blocked ?? {}).map(([action, reason]) => (
        <Notice key={action} tone="info">
          {t.blocked({ action, reason: reason || t.noReason })}
        </Notice>
      ))}
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Card title={t.whatItIs}>
          <VmFacts vm={vm} />
        </Card>
        <Card title={t.resources}>
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
        <Snapshots vm={vm} />
        <Card title={t.fromElsewhere}>
          <div className="grid gap-2">
            <CodeLine label={common.command} text={`nixen vm get ${vm.id}`} />
            <CodeLine label={common.apiCall} text={`GET /api/v1/vms/${vm.id}`} />
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

function Drives({ vm }: { readonly vm: Vm }): ReactNode {
  const disks = useAll('disk')
  return (
    <Card title={t.drives}>
      <SimpleTable
        label={t.drives}
        heads={[t.device, t.disk, t.size, t.storage, common.state]}
        none={t.noDrives}
        rows={vm.drives.map(({ key, kind, disk: diskId, device, attached, readOnly }) => {
          const disk = disks.find(({ id }) => id === diskId)
          return {
            id: key,
            cells: [
              device ?? kind,
              disk ? disk.name || common.noName : kind === 'cd' ? t.emptyCd : '–',
              disk ? formatBytes(disk.size) : '–',
              <ObjectLink id={disk?.storage} />,
              [attached === true ? t.plugged : t.notPlugged, readOnly === true ? t.readOnly : '']
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
    <Card title={t.nics}>
      <SimpleTable
        label={t.nics}
        heads={[t.nic, t.network, t.mac, t.addresses, common.state]}
        none={t.noNics}
        rows={nics
          .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0))
          .map(({ id, name, network, mac, ips, attached }) => ({
            id,
            cells: [
              name,
              <ObjectLink id={network} />,
              mac ?? '–',
              ips.join(', ') || '–',
              attached ? t.plugged : t.notPlugged,
            ],
          }))}
      />
    </Card>
  )
}

function Snapshots({ vm }: { readonly vm: Vm }): ReactNode {
  const snapshots: readonly Snapshot[] = useAll('snapshot').filter(({ vm: owner }) => owner === vm.id)
  return (
    <Card title={t.snapshots}>
      <SimpleTable
        label={t.snapshots}
        heads={[common.name, t.made, t.memory, t.takes]}
        none={t.noSnapshots}
        rows={snapshots
          .toSorted((a, b) => b.created - a.created)
          .map(({ id, name, created, memory: withMemory, used, current }) => ({
            id,
            cells: [
              current === true ? t.current({ name }) : name,
              <Ago time={created} />,
              withMemory ? common.yes : common.no,
              used === undefined ? '–' : formatBytes(used),
            ],
          }))}
      />
    </Card>
  )
}
