import type { Translations } from '../translations.ts'
import { count } from './counts.ts'

export const overview: Translations['overview'] = {
  notConnected: (p) => `: ${p.state}. ${p.error} Was davon gezeigt wird, kann alt sein.`.replace('  ', ' '),
  running: (p) => `${count.number(p.running)} laufen, ${count.number(p.not)} nicht`,
  up: (p) => `${count.number(p.n)} laufen`,
  inUseOf: (p) => `von ${p.size} belegt`,
  takenOf: (p) => `von ${p.size} belegt`,
  memory: 'Arbeitsspeicher',
  storage: 'Speicherplatz',
  alarms: (p) => (p.n === 0 ? 'Alarme' : `Alarme (${count.number(p.n)})`),
  nothingNeeds: 'Nichts braucht jemanden.',
  lastTasks: 'Letzte Aufgaben',
  pool: (p) =>
    `${count(p.hosts, 'Host', 'Hosts')}, ${count.number(p.running)} von ${count(p.vms, 'VM', 'VMs')} laufen${p.version === undefined ? '' : `, ${p.version}`}`,
  protection: 'Schutz',
  protected: 'geschützt',
  stale: 'letzte Sicherung zu alt',
  unprotected: 'ohne Sicherung',
  verified: 'in den letzten 30 Tagen geprüft',
  protectionOf: (p) => `${count(p.n, 'VM', 'VMs')} insgesamt`,
  recent: (p) => (p.days === 1 ? 'am letzten Tag gesichert' : `in den letzten ${count.number(p.days)} Tagen gesichert`),
  withoutRecent: 'VMs ohne neue Sicherung',
  allRecent: 'Jede VM hat eine neue Sicherung.',
  firstBackup: 'Noch ist nichts gesichert.',
  makeJob: 'Sicherungsauftrag anlegen',
  andMore: (p) => `und ${count.number(p.n)} weitere`,
}
