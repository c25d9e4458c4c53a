import type { Maintenance } from '@nixen/api'

/** When nobody says otherwise: each week, by day, when few back up; a twentieth of the data is read. */
export const defaultMaintenance: Maintenance = {
  window: { from: '08:00', to: '18:00' },
  checkEvery: 7,
  checkShare: 0.05,
  pruneEvery: 7,
  maxUnused: 0.05,
}
