import { XapiError } from '@nixen/xapi'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { meanAt } from '../rrd/archives.ts'
import { hostSources, srSources, vmSources, type Measured } from '../rrd/sources.ts'

/** Seconds that a value is measured over. */
const step = 5

function valueOf({ pool }: Call, { uuid, series }: Measured, name: string): number {
  const found = series.find((each) => each.name === name)
  if (!found) throw new XapiError('INTERNAL_ERROR', [`No such data source: ${name}`])
  const time = Math.floor(pool.clock.now() / 1000 / step) * step
  return meanAt(uuid, found, { time, step })
}

function list(call: Call, measured: Measured): Rows['data_source'][] {
  return measured.series.map(({ name, high }) => ({
    name_label: name,
    name_description: '',
    enabled: true,
    standard: true,
    units: '',
    min: 0,
    max: high,
    value: valueOf(call, measured, name),
  }))
}

/** All that is measured is recorded, and goes on being so: the name is looked at, and that is all. */
function note(call: Call, measured: Measured, name: string): void {
  valueOf(call, measured, name)
}

/** What is measured of a machine, which runs. */
function ofVm({ db }: Call, vm: Ref<'VM'>): Measured {
  const { power_state } = db.get('VM', vm)
  if (power_state !== 'Running') throw fault('VM_BAD_POWER_STATE', vm, 'running', power_state.toLowerCase())
  return vmSources(db, vm)
}

export const vmDataSources: MethodSet = methods('VM', {
  get_data_sources: (call, self) => list(call, ofVm(call, self)),
  query_data_source: (call, self, name) => valueOf(call, ofVm(call, self), name),
  record_data_source: (call, self, name) => note(call, ofVm(call, self), name),
  forget_data_source_archives: (call, self, name) => note(call, vmSources(call.db, self), name),
})

export const hostDataSources: MethodSet = methods('host', {
  get_data_sources: (call, self) => list(call, hostSources(call.db, self)),
  query_data_source: (call, self, name) => valueOf(call, hostSources(call.db, self), name),
  record_data_source: (call, self, name) => note(call, hostSources(call.db, self), name),
  forget_data_source_archives: (call, self, name) => note(call, hostSources(call.db, self), name),
})

export const srDataSources: MethodSet = methods('SR', {
  get_data_sources: (call, self) => list(call, srSources(call.db, self)),
  query_data_source: (call, self, name) => valueOf(call, srSources(call.db, self), name),
  record_data_source: (call, self, name) => note(call, srSources(call.db, self), name),
  forget_data_source_archives: (call, self, name) => note(call, srSources(call.db, self), name),
})
