import {
  Archive,
  Bell,
  Boxes,
  CalendarClock,
  CalendarDays,
  Database,
  Disc,
  HardDrive,
  Layers,
  LayoutDashboard,
  LayoutTemplate,
  ListChecks,
  Network,
  Plug,
  Server,
  Settings,
} from 'lucide-react'
import type { ReactNode } from 'react'
import { shell } from '../i18n/shell.ts'

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
  { to: '/', label: shell.overview, icon: <LayoutDashboard size={size} aria-hidden /> },
  { to: '/vms', label: shell.vms, icon: <Boxes size={size} aria-hidden /> },
  { to: '/pools', label: shell.pools, icon: <Layers size={size} aria-hidden /> },
  { to: '/hosts', label: shell.hosts, icon: <Server size={size} aria-hidden /> },
  { to: '/storages', label: shell.storages, icon: <HardDrive size={size} aria-hidden /> },
  { to: '/disks', label: shell.disks, icon: <Disc size={size} aria-hidden /> },
  { to: '/networks', label: shell.networks, icon: <Network size={size} aria-hidden /> },
  { to: '/templates', label: shell.templates, icon: <LayoutTemplate size={size} aria-hidden /> },
  { to: '/jobs', label: shell.jobs, icon: <CalendarClock size={size} aria-hidden />, apart: true },
  { to: '/calendar', label: shell.calendar, icon: <CalendarDays size={size} aria-hidden /> },
  { to: '/points', label: shell.points, icon: <Archive size={size} aria-hidden /> },
  { to: '/repositories', label: shell.repositories, icon: <Database size={size} aria-hidden /> },
  { to: '/tasks', label: shell.tasks, icon: <ListChecks size={size} aria-hidden />, apart: true },
  { to: '/alarms', label: shell.alarms, icon: <Bell size={size} aria-hidden /> },
  { to: '/connections', label: shell.connections, icon: <Plug size={size} aria-hidden /> },
  { to: '/settings', label: shell.settings, icon: <Settings size={size} aria-hidden /> },
]
