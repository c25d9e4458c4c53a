import { describe, expect, test } from 'vitest'
import { find, logIn, quickToolstack } from './client.ts'

describe('faults', () => {
  test('make calls fail with the error asked for, as often as asked for', async () => {
    await using toolstack = await quickToolstack({ vms: 3 })
    const client = await logIn(toolstack.url)
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    const faults = toolstack.pools[0]!.faults
    const rule = faults.add({
      method: 'VM.start',
      count: 2,
      error: ['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', '{ref}'],
    })
    const expected = ['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', vm]
    expect(await client.refusal('VM.start', vm, false, false)).toEqual(expected)
    expect((await client.task('VM.start', vm, false, false)).error_info).toEqual(expected)
    await client.call('VM.start', vm, false, false)
    expect(rule.used).toBe(2)
  })

  test('fit classes, single objects and a share of calls', async () => {
    await using toolstack = await quickToolstack({ vms: 3 })
    const client = await logIn(toolstack.url)
    const faults = toolstack.pools[0]!.faults
    const [network] = await client.call('network.get_all')
    const only = faults.add({ method: 'network.*', ref: network, error: ['INTERNAL_ERROR', 'broken'] })
    expect(await client.refusal('network.get_uuid', network)).toEqual(['INTERNAL_ERROR', 'broken'])
    expect(await client.call('network.get_all')).toHaveLength(5)
    only.remove()
    faults.add({ method: 'VM.get_all', probability: 0.5, error: ['HOST_OFFLINE', 'x'] })
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => client.call('VM.get_all')))
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected').length
    expect(failed).toBeGreaterThan(60)
    expect(failed).toBeLessThan(140)
    faults.clear()
    expect(await client.call('VM.get_all')).not.toHaveLength(0)
  })

  test('make calls slow', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    toolstack.pools[0]!.faults.add({ method: '*', delay: 200 })
    const started = performance.now()
    await client.call('VM.get_all')
    expect(performance.now() - started).toBeGreaterThan(190)
  })
})
