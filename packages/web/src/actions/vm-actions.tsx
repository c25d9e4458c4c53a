import { judgeOn, vmCan, type Access, type Connection, type Vm, type VmAction as VmCapability } from '@nixen/api'
import {
  ArrowRightLeft,
  Camera,
  CirclePause,
  CirclePlay,
  Copy,
  Moon,
  Play,
  Power,
  RotateCcw,
  Square,
  Trash2,
  Zap,
} from 'lucide-react'
import type { ReactNode } from 'react'
import { lacking } from '../session/may.ts'
import { vmActionNames, vmEndpoint, type VmActionName } from './equivalents.ts'

export interface VmActionInfo {
  readonly name: VmActionName
  readonly label: string
  /** What is shown while it goes on. */
  readonly doing: string
  readonly icon: ReactNode
  /** Asks first: it loses something, or needs to know more. */
  readonly asks: boolean
  readonly danger?: boolean
  /** Also with many VMs at once, with the same input for all. */
  readonly bulk?: boolean
}

const size = 16

const infos: Readonly<Record<VmActionName, VmActionInfo>> = {
  start: {
    name: 'start',
    label: 'Start',
    doing: 'Starting',
    icon: <Play size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  shutdown: {
    name: 'shutdown',
    label: 'Shut down',
    doing: 'Shutting down',
    icon: <Power size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  reboot: {
    name: 'reboot',
    label: 'Reboot',
    doing: 'Rebooting',
    icon: <RotateCcw size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  pause: {
    name: 'pause',
    label: 'Pause',
    doing: 'Pausing',
    icon: <CirclePause size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  unpause: {
    name: 'unpause',
    label: 'Go on',
    doing: 'Going on',
    icon: <CirclePlay size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  suspend: {
    name: 'suspend',
    label: 'Suspend',
    doing: 'Suspending',
    icon: <Moon size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  resume: {
    name: 'resume',
    label: 'Resume',
    doing: 'Resuming',
    icon: <CirclePlay size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  hardShutdown: {
    name: 'hardShutdown',
    label: 'Switch off',
    doing: 'Switching off',
    icon: <Square size={size} aria-hidden />,
    asks: true,
    danger: true,
    bulk: true,
  },
  hardReboot: {
    name: 'hardReboot',
    label: 'Reset',
    doing: 'Resetting',
    icon: <Zap size={size} aria-hidden />,
    asks: true,
    danger: true,
    bulk: true,
  },
  snapshot: {
    name: 'snapshot',
    label: 'Snapshot',
    doing: 'Taking a snapshot',
    icon: <Camera size={size} aria-hidden />,
    asks: true,
    bulk: true,
  },
  migrate: {
    name: 'migrate',
    label: 'Migrate',
    doing: 'Migrating',
    icon: <ArrowRightLeft size={size} aria-hidden />,
    asks: true,
  },
  clone: {
    name: 'clone',
    label: 'Clone',
    doing: 'Cloning',
    icon: <Copy size={size} aria-hidden />,
    asks: true,
  },
  delete: {
    name: 'delete',
    label: 'Delete',
    doing: 'Deleting',
    icon: <Trash2 size={size} aria-hidden />,
    asks: true,
    danger: true,
  },
}

/** All of them, in the order of menus. */
export const vmActions: readonly VmActionInfo[] = vmActionNames.map((name) => infos[name])

/** The action of that name. */
export function vmAction(name: VmActionName): VmActionInfo {
  return infos[name]
}

/** Why an action cannot be done with a VM now; `undefined` when it can. The server judges by the same tables. */
export function refusal(name: VmActionName, vm: Vm, { access, connection }: Judging): string | undefined {
  const { permission } = vmEndpoint(name)
  if (permission !== 'public' && permission !== 'session' && permission !== 'any') {
    const missing = lacking(access, permission, vm)
    if (missing !== undefined) return missing
  }
  const capability = vmCan[name satisfies VmCapability]
  const verdict = connection ? judgeOn(connection, capability, vm) : capability.check(vm)
  return verdict.allowed ? undefined : verdict.reason
}

/** What an action is judged by beside the VM. */
export interface Judging {
  readonly access: Access
  readonly connection: Connection | undefined
}
