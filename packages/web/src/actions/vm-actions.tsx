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
import { actionsText as t } from '../i18n/actions.ts'

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
    ...t.start,
    icon: <Play size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  shutdown: {
    name: 'shutdown',
    ...t.shutdown,
    icon: <Power size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  reboot: {
    name: 'reboot',
    ...t.reboot,
    icon: <RotateCcw size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  pause: {
    name: 'pause',
    ...t.pause,
    icon: <CirclePause size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  unpause: {
    name: 'unpause',
    ...t.unpause,
    icon: <CirclePlay size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  suspend: {
    name: 'suspend',
    ...t.suspend,
    icon: <Moon size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  resume: {
    name: 'resume',
    ...t.resume,
    icon: <CirclePlay size={size} aria-hidden />,
    asks: false,
    bulk: true,
  },
  hardShutdown: {
    name: 'hardShutdown',
    ...t.hardShutdown,
    icon: <Square size={size} aria-hidden />,
    asks: true,
    danger: true,
    bulk: true,
  },
  hardReboot: {
    name: 'hardReboot',
    ...t.hardReboot,
    icon: <Zap size={size} aria-hidden />,
    asks: true,
    danger: true,
    bulk: true,
  },
  snapshot: {
    name: 'snapshot',
    ...t.snapshot,
    icon: <Camera size={size} aria-hidden />,
    asks: true,
    bulk: true,
  },
  migrate: {
    name: 'migrate',
    ...t.migrate,
    icon: <ArrowRightLeft size={size} aria-hidden />,
    asks: true,
  },
  clone: {
    name: 'clone',
    ...t.clone,
    icon: <Copy size={size} aria-hidden />,
    asks: true,
  },
  delete: {
    name: 'delete',
    ...t.delete,
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
