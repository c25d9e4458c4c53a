import { expect, test } from 'vitest'
import { equivalents } from './equivalents.ts'

const id = 'vm.c.1'
test.each([
  ['start', {}, `nixen vm start ${id}`, `POST /api/v1/vms/${id}/start`],
  [
    'snapshot',
    { name: 'before update' },
    `nixen vm snapshot ${id} --name 'before update'`,
    `POST /api/v1/vms/${id}/snapshot {"name":"before update"}`,
  ],
  [
    'migrate',
    { host: 'host.c.2' },
    `nixen vm migrate ${id} host.c.2`,
    `POST /api/v1/vms/${id}/migrate {"host":"host.c.2"}`,
  ],
  ['hardShutdown', {}, `nixen vm hard-shutdown ${id}`, `POST /api/v1/vms/${id}/hard-shutdown`],
  ['delete', {}, `nixen vm delete ${id}`, `DELETE /api/v1/vms/${id}`],
  [
    'clone',
    { name: "it's" },
    String.raw`nixen vm clone ${id} --name 'it'\''s'`,
    `POST /api/v1/vms/${id}/clone {"name":"it's"}`,
  ],
] as const)('%s %j is shown as it is typed and sent', (action, input, cli, api) => {
  expect(equivalents(action, id, input)).toEqual({ cli, api })
})
