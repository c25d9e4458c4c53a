import { XapiError } from '@nixen/xapi'
import { sessionOf, type Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { poolRef, type Pool } from '../pool/pool.ts'
import { roleAllows } from '../session/roles.ts'

const pluginName = 'guest-agent-operation'
/** One machine is asked no oftener, milliseconds. */
const interval = 10_000
const longestScript = 1024

const lastCalls = new WeakMap<Pool, Map<Ref<'VM'>, number>>()

/** Refuses a call that follows another one too soon. */
function limitRate({ pool }: Call, vm: Ref<'VM'>): void {
  if (!pool.settings.waits) return
  const calls = lastCalls.get(pool) ?? new Map<Ref<'VM'>, number>()
  lastCalls.set(pool, calls)
  const now = pool.clock.monotonic()
  for (const [other, at] of calls) if (now - at > interval) calls.delete(other)
  const last = calls.get(vm)
  if (last !== undefined) {
    const wait = (last + interval - now) / 1000
    throw fault('VM_CALL_PLUGIN_RATE_LIMIT', vm, `${interval / 1000}.`, String(wait))
  }
  calls.set(vm, now)
}

function failure(what: string, stdout: string, stderr: string): XapiError {
  return fault('XENAPI_PLUGIN_FAILURE', what, stdout, stderr)
}

function unsupported(fn: string): XapiError {
  const text = `The requested fn "${fn}" of plugin "${pluginName}" could not be executed for lack of guest agent control feature.`
  return failure('failed to execute fn', text, text)
}

/** Whether the guest agent says that it can do something. */
function hasFeature({ db }: Call, vm: Ref<'VM'>, feature: string): boolean {
  const value = db.find('VM_guest_metrics', db.get('VM', vm).guest_metrics)?.other[feature] ?? ''
  return value !== '' && value !== '0'
}

/** Asks the guest to switch remote desktops on or off; the agent of a simulated guest does so at once. */
function requestRdp(call: Call, vm: Ref<'VM'>, { fn, on }: { fn: string; on: boolean }): string {
  if (!hasFeature(call, vm, 'feature-ts2')) throw unsupported(fn)
  const { guest_metrics } = call.db.get('VM', vm)
  const { other } = call.db.get('VM_guest_metrics', guest_metrics)
  call.db.update(guest_metrics, { other: { ...other, 'data-ts': on ? '1' : '0' } })
  return ''
}

/** Checks what a host checks before it hands a script to the guest, which is not there to run it. */
function runScript(call: Call, args: Readonly<Record<string, string>>): never {
  const { db } = call
  if (db.get('pool', poolRef(db)).other_config['allow_guest_agent_run_script'] !== 'true')
    throw fault('FEATURE_RESTRICTED')
  for (const name of ['username', 'password', 'script']) {
    if (args[name] === undefined) throw failure('missing argument', '', `Argument ${name} is required.`)
  }
  if (!roleAllows(db.model, sessionOf(call).role, 'vm-power-admin')) {
    const message = 'No permission to run script, must have VM power admin role or higher.'
    throw new XapiError('RBAC_PERMISSION_DENIED', ['vm.call_plugin', message])
  }
  if (Buffer.byteLength(args['script'] ?? '') > longestScript) {
    throw failure('length restriction', '', `The script length must not exceed ${longestScript} bytes`)
  }
  throw unsupported('run-script')
}

export const vmPlugin: MethodSet = methods('VM', {
  call_plugin(call, vm, plugin, fn, args) {
    if (plugin !== pluginName) throw fault('XENAPI_MISSING_PLUGIN', plugin)
    limitRate(call, vm)
    switch (fn) {
      case 'request-rdp-on':
        return requestRdp(call, vm, { fn, on: true })
      case 'request-rdp-off':
        return requestRdp(call, vm, { fn, on: false })
      case 'run-script':
        return runScript(call, args)
      default: {
        const text = `The requested fn "${fn}" could not be found in plugin "${plugin}".`
        throw failure('failed to find fn', text, text)
      }
    }
  },
})
