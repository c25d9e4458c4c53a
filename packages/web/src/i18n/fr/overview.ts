import type { Translations } from '../translations.ts'
import { count } from './counts.ts'

export const overview: Translations['overview'] = {
  notConnected: (p) => ` : ${p.state}. ${p.error} Ce qui en est montré peut être ancien.`.replace('  ', ' '),
  running: (p) => `${count.number(p.running)} en marche, ${count.number(p.not)} non`,
  up: (p) => `${count.number(p.n)} en marche`,
  inUseOf: (p) => `utilisés sur ${p.size}`,
  takenOf: (p) => `occupés sur ${p.size}`,
  memory: 'Mémoire',
  storage: 'Stockage',
  alarms: (p) => (p.n === 0 ? 'Alarmes' : `Alarmes (${count.number(p.n)})`),
  nothingNeeds: 'Rien ne demande d’attention.',
  lastTasks: 'Dernières tâches',
  pool: (p) =>
    `${count(p.hosts, 'hôte', 'hôtes')}, ${count.number(p.running)} sur ${count(p.vms, 'VM', 'VM')} en marche${p.version === undefined ? '' : `, ${p.version}`}`,
  protection: 'Protection',
  protected: 'protégées',
  stale: 'sauvegarde trop ancienne',
  unprotected: 'sans sauvegarde',
  verified: 'vérifiées ces 30 derniers jours',
  protectionOf: (p) => `${count(p.n, 'VM', 'VM')} en tout`,
  recent: (p) =>
    p.days === 1 ? 'sauvegardées le dernier jour' : `sauvegardées ces ${count.number(p.days)} derniers jours`,
  withoutRecent: 'VM sans sauvegarde récente',
  allRecent: 'Chaque VM a une sauvegarde récente.',
  firstBackup: 'Rien n’est encore sauvegardé.',
  makeJob: 'Créer un travail de sauvegarde',
  andMore: (p) => `et ${count(p.n, 'autre', 'autres')}`,
}
