import type { RepositoryId } from '@nixen/api'
import { expect, test } from 'vitest'
import type { RunContext } from '../jobs/job-kind.ts'
import { RunRates } from './run-rates.ts'

// Of a run only the rate of its job is looked at.
const runOf = (rate?: number): RunContext => ({ job: { limits: { rate } } }) as unknown as RunContext
const [nas, cloud] = ['r1', 'r2'] as unknown as [RepositoryId, RepositoryId]

test('all VMs of a run share what is read, and what is written to each repository', () => {
  const rates = new RunRates()
  const run = runOf(1000)
  const [first, second] = [rates.of(run, nas), rates.of(run, nas)]
  expect(second).toEqual(first)
  expect(second.read?.[0]).toBe(first.read?.[0])
  const other = rates.of(run, cloud)
  expect(other.read?.[0]).toBe(first.read?.[0])
  expect(other.upload?.[0]).not.toBe(first.upload?.[0])
  expect(other.upload?.[0]?.share).toBe(1000)
})

test('runs share nothing, and a job without a rate has no limit', () => {
  const rates = new RunRates()
  expect(rates.of(runOf(1000), nas).read?.[0]).not.toBe(rates.of(runOf(1000), nas).read?.[0])
  expect(rates.of(runOf(), nas)).toEqual({})
})
