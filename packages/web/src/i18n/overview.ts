import { area } from './area.ts'
import { count } from './counts.ts'

/** The page that shows how everything stands. */
export const overview = area('overview', {
  notConnected: (p: { state: string; error: string }) =>
    ` is ${p.state}. ${p.error} What is shown of it may be old.`.replace('  ', ' '),
  running: (p: { running: number; not: number }) => `${count.number(p.running)} running, ${count.number(p.not)} not`,
  up: (p: { n: number }) => `${count.number(p.n)} up`,
  inUseOf: (p: { size: string }) => `of ${p.size} in use`,
  takenOf: (p: { size: string }) => `of ${p.size} taken`,
  memory: 'Memory',
  storage: 'Storage',
  alarms: (p: { n: number }) => (p.n === 0 ? 'Alarms' : `Alarms (${count.number(p.n)})`),
  nothingNeeds: 'Nothing needs somebody.',
  lastTasks: 'Last tasks',
  pool: (p: { hosts: number; running: number; vms: number; version: string | undefined }) =>
    `${count(p.hosts, 'host', 'hosts')}, ${count.number(p.running)} of ${count(p.vms, 'VM', 'VMs')} running${p.version === undefined ? '' : `, ${p.version}`}`,
  protection: 'Protection',
  protected: 'protected',
  stale: 'last backup too old',
  unprotected: 'without a backup',
  verified: 'verified in the last 30 days',
  protectionOf: (p: { n: number }) => `${count(p.n, 'VM', 'VMs')} in all`,
  recent: (p: { days: number }) => `backed up in the last ${count(p.days, 'day', 'days')}`,
  withoutRecent: 'VMs without a recent backup',
  allRecent: 'Every VM has a recent backup.',
  firstBackup: 'Nothing is backed up yet.',
  makeJob: 'Make a backup job',
  andMore: (p: { n: number }) => `and ${count.number(p.n)} more`,
})
