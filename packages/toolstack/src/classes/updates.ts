import { methods, type MethodSet } from '../dispatch/methods.ts'
import type { Call } from '../dispatch/call.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { poolRef } from '../pool/pool.ts'

// There are no packages behind a simulated host: repositories can be named, and what would read them fails as on a host that can't reach them.

function enabledRepository({ db }: Call): Ref<'Repository'> {
  const [first] = db.get('pool', poolRef(db)).repositories
  if (first === undefined) throw fault('NO_REPOSITORY_ENABLED')
  return first
}

export const repository: MethodSet = methods('Repository', {
  introduce({ db }, name_label, name_description, binary_url, source_url, update, gpgkey_path) {
    for (const url of [binary_url, source_url]) {
      if (url !== '' && !/^https?:\/\/[\w.-]+/.test(url)) throw fault('INVALID_BASE_URL', url)
    }
    for (const { ref, values } of db.rows('Repository')) {
      if (values.name_label === name_label || values.binary_url === binary_url) {
        throw fault('REPOSITORY_ALREADY_EXISTS', ref)
      }
    }
    return db.insert('Repository', { name_label, name_description, binary_url, source_url, update, gpgkey_path })
  },

  forget({ db }, self) {
    db.get('Repository', self)
    if (db.get('pool', poolRef(db)).repositories.includes(self)) throw fault('REPOSITORY_IS_IN_USE')
    db.remove(self)
  },
})

export const poolUpdates: MethodSet = methods('pool', {
  sync_updates(call, self) {
    call.db.get('pool', self)
    enabledRepository(call)
    throw fault('REPOSYNC_FAILED')
  },

  check_update_readiness({ db }, self) {
    db.get('pool', self)
    const dead = [...db.rows('host')].filter(({ values }) => !db.find('host_metrics', values.metrics)?.live)
    return dead.map(({ ref }) => ['HOST_NOT_LIVE', ref])
  },
})

export const hostUpdates: MethodSet = methods('host', {
  apply_updates(call, self) {
    call.db.get('host', self)
    enabledRepository(call)
    throw fault('UPDATEINFO_HASH_MISMATCH')
  },
})
