import { GiB } from '@nixen/core'
import type { Template } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { emptyDraft, needsOf, requestOf } from './create-draft.ts'

// Only what is read here.
const template = { vcpus: 2, memory: 4 * GiB, diskSize: 10 * GiB } as Template

describe('a VM that is described', () => {
  test('needs what the template says where nothing was chosen, and what was added', () => {
    expect(needsOf(emptyDraft, template)).toEqual({ vcpus: 2, memory: 4 * GiB, disk: 10 * GiB })
    const draft = { ...emptyDraft, vcpus: 8, memory: 1.5, disks: [{ key: 1, size: 5, storage: '' }] }
    expect(needsOf(draft, template)).toEqual({ vcpus: 8, memory: 1.5 * GiB, disk: 15 * GiB })
  })

  test('leaves out of the request what is as in the template', () => {
    const request = requestOf({ ...emptyDraft, template: 'template.c.1', name: ' web ' })
    expect(request).toEqual({
      template: 'template.c.1',
      name: 'web',
      count: 1,
      tags: [],
      disks: [],
      tpm: false,
      networkBoot: false,
      autoStart: false,
      start: true,
    })
  })

  test('has a number in its name when there are several', () => {
    expect(requestOf({ ...emptyDraft, name: 'web', count: 3 }).name).toBe('web {index}')
    expect(requestOf({ ...emptyDraft, name: 'web-{index}', count: 3 }).name).toBe('web-{index}')
  })
})
