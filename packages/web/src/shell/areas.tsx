import {
  Archive,
  Boxes,
  CalendarClock,
  Database,
  HardDrive,
  LayoutDashboard,
  ListChecks,
  Network,
  Plug,
  Server,
} from 'lucide-react'
import type { ReactNode } from 'react'

/** An area of the console: an entry of the rail, and of the palette. */
export interface Area {
  readonly to: string
  readonly label: string
  readonly icon: ReactNode
  /** A line above it. */
  readonly apart?: boolean
}

const size = 18

export const areas: readonly Area[] = [
  { to: '/', label: 'Overview', icon: <LayoutDashboard size={size} aria-hidden /> },
  { to: '/vms', label: 'VMs', icon: <Boxes size={size} aria-hidden /> },
  { to: '/hosts', label: 'Hosts', icon: <Server size={size} aria-hidden /> },
  { to: '/storages', label: 'Storages', icon: <HardDrive size={size} aria-hidden /> },
  { to: '/networks', label: 'Networks', icon: <Network size={size} aria-hidden /> },
  { to: '/jobs', label: 'Jobs', icon: <CalendarClock size={size} aria-hidden />, apart: true },
  { to: '/points', label: 'Restore points', icon: <Archive size={size} aria-hidden /> },
  { to: '/repositories', label: 'Repositories', icon: <Database size={size} aria-hidden /> },
  { to: '/tasks', label: 'Tasks', icon: <ListChecks size={size} aria-hidden />, apart: true },
  { to: '/connections', label: 'Connections', icon: <Plug size={size} aria-hidden /> },
]
