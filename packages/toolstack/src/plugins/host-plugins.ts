import { XapiError } from '@nixen/xapi'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import { lsblk, lvm, raid, smartctl } from './host-disks.ts'
import type { Plugin } from './plugin.ts'
import { updater } from './updater.ts'

const hyperthreading: Plugin = {
  get_hyperthreading: ({ db }, host) => String(Number(db.get('host', host).cpu_info['threads_per_core'] ?? 1) > 1),
}

/** No pool of ZFS is on a simulated host. */
const zfs: Plugin = { list_zfs_pools: () => '{}' }

const netdata: Plugin = { is_netdata_installed: () => 'false', get_netdata_api_key: () => '' }

const ipmitool: Plugin = { is_ipmi_device_available: () => 'false' }

/** The plugins of a host, by file name. Their answers have the form that the README of xcp-ng-xapi-plugins shows. */
const plugins: ReadonlyMap<string, Plugin> = new Map([
  ['updater.py', updater],
  ['lsblk.py', lsblk],
  ['smartctl.py', smartctl],
  ['raid.py', raid],
  ['lvm.py', lvm],
  ['zfs.py', zfs],
  ['hyperthreading.py', hyperthreading],
  ['netdata.py', netdata],
  ['ipmitool.py', ipmitool],
])

/** Names of the plugins and their functions, for the documentation. */
export const pluginNames: readonly (readonly [plugin: string, functions: readonly string[]])[] = [...plugins].map(
  ([name, plugin]) => [name, Object.keys(plugin)],
)

export const hostPlugins: MethodSet = methods('host', {
  async call_plugin(call, self, name, fn, args) {
    const { metrics } = call.db.get('host', self)
    if (!call.db.find('host_metrics', metrics)?.live) throw fault('HOST_OFFLINE', self)
    const plugin = plugins.get(name)
    if (!plugin) throw fault('XENAPI_MISSING_PLUGIN', name)
    const run = Object.hasOwn(plugin, fn) ? plugin[fn] : undefined
    // The library of the plugins answers this; the data model has no such error.
    if (!run) throw new XapiError('UNKNOWN_XENAPI_PLUGIN_FUNCTION', [fn])
    return await run(call, self, args)
  },
})
