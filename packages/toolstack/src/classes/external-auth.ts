import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'

/** Kinds of directories that a host can join. */
const types: ReadonlySet<string> = new Set(['AD', 'PAM'])

interface Joining {
  readonly config: Readonly<Record<string, string>>
  readonly service: string
  readonly type: string
}

/** Joins a host to the simulated directory: any domain, any administrator. */
function join({ db }: Call, host: Ref<'host'>, { config, service, type }: Joining): void {
  const { external_auth_type, external_auth_service_name } = db.get('host', host)
  if (external_auth_type !== '') throw fault('AUTH_ALREADY_ENABLED', external_auth_type, external_auth_service_name)
  if (!types.has(type)) throw fault('AUTH_UNKNOWN_TYPE', type)
  if (service === '') throw fault('AUTH_ENABLE_FAILED', 'The name of the service is empty')
  // The administrator's password serves once.
  const { pass: _pass, ...kept } = config
  db.update(host, {
    external_auth_type: type,
    external_auth_service_name: service,
    external_auth_configuration: type === 'AD' ? { domain: service, ...kept } : kept,
  })
}

function leave({ db }: Call, host: Ref<'host'>): void {
  db.get('host', host)
  db.update(host, { external_auth_type: '', external_auth_service_name: '', external_auth_configuration: {} })
}

export const poolExternalAuth: MethodSet = methods('pool', {
  enable_external_auth(call, self, config, service_name, auth_type) {
    call.db.get('pool', self)
    for (const { ref, values } of call.db.rows('host')) {
      if (values.external_auth_type !== '') throw fault('POOL_AUTH_ALREADY_ENABLED', ref)
    }
    for (const { ref } of call.db.rows('host')) join(call, ref, { config, service: service_name, type: auth_type })
  },

  disable_external_auth(call, self) {
    call.db.get('pool', self)
    for (const { ref } of call.db.rows('host')) leave(call, ref)
  },
})

export const hostExternalAuth: MethodSet = methods('host', {
  enable_external_auth: (call, host, config, service_name, auth_type) =>
    join(call, host, { config, service: service_name, type: auth_type }),
  disable_external_auth: (call, host) => leave(call, host),
})
