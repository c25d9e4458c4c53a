import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { masterOf } from '../pool/pool.ts'

/** Longest time that logins by SSH may be allowed or idle for, in seconds: two days. */
const longestSsh = 172_800

/** Sets fields of all hosts of a pool. */
function setHosts({ db }: Call, pool: Ref<'pool'>, patch: Partial<Rows['host']>): void {
  db.get('pool', pool)
  for (const { ref } of db.rows('host')) db.update(ref, patch)
}

function assertSeconds(field: string, value: number): void {
  if (value < 0 || value > longestSsh) throw fault('INVALID_VALUE', field, String(value))
}

function forgetProxyPassword({ db }: Call, pool: Ref<'pool'>): void {
  const { repository_proxy_password } = db.get('pool', pool)
  if (!isNull(repository_proxy_password)) db.remove(repository_proxy_password)
}

/** Settings that a pool passes on to its hosts, or keeps beside them. */
export const poolSettings: MethodSet = methods('pool', {
  enable_ssh: (call, self) => setHosts(call, self, { ssh_enabled: true }),
  disable_ssh: (call, self) => setHosts(call, self, { ssh_enabled: false }),
  set_ssh_auto_mode: (call, self, value) => setHosts(call, self, { ssh_auto_mode: value }),
  set_ssh_enabled_timeout(call, self, value) {
    assertSeconds('ssh_enabled_timeout', value)
    setHosts(call, self, { ssh_enabled_timeout: value })
  },
  set_console_idle_timeout(call, self, value) {
    assertSeconds('console_idle_timeout', value)
    setHosts(call, self, { console_idle_timeout: value })
  },

  enable_client_certificate_auth({ db }, self, name) {
    db.update(self, { client_certificate_auth_enabled: true, client_certificate_auth_name: name })
  },
  disable_client_certificate_auth({ db }, self) {
    db.update(self, { client_certificate_auth_enabled: false, client_certificate_auth_name: '' })
  },

  configure_repository_proxy(call, self, url, username, password) {
    if (!/^https?:\/\/[^/]/.test(url)) throw fault('INVALID_REPOSITORY_PROXY_URL', url)
    if ((username === '') !== (password === '') || username.includes('\n') || password.includes('\n'))
      throw fault('INVALID_REPOSITORY_PROXY_CREDENTIAL')
    forgetProxyPassword(call, self)
    const secret = password === '' ? nullRef : call.db.insert('secret', { value: password, other_config: {} })
    call.db.update(self, {
      repository_proxy_url: url,
      repository_proxy_username: username,
      repository_proxy_password: secret,
    })
  },
  disable_repository_proxy(call, self) {
    forgetProxyPassword(call, self)
    const none = { repository_proxy_url: '', repository_proxy_username: '', repository_proxy_password: nullRef }
    call.db.update(self, none)
  },

  reset_telemetry_uuid({ db }, self) {
    const { telemetry_uuid } = db.get('pool', self)
    if (!isNull(telemetry_uuid)) db.remove(telemetry_uuid)
    db.update(self, { telemetry_uuid: db.insert('secret', { value: db.newUuid(), other_config: {} }) })
  },

  /** Nobody sees the secret that hosts of a pool share. */
  rotate_secret({ db }) {
    for (const { values } of db.rows('pool')) if (values.ha_enabled) throw fault('HA_IS_ENABLED')
  },
})

export const hostSettings: MethodSet = methods('host', {
  /** A member whose master is gone. */
  is_in_emergency_mode({ db, host }) {
    const master = masterOf(db)
    return host !== master && !db.find('host_metrics', db.get('host', master).metrics)?.live
  },
})
