import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { listInput, pageOf } from '../list/list.ts'
import { AuditEntry, AuditVerdict } from './audit.ts'

export const auditEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/audit',
    summary: 'List what was done, newest first',
    input: z.strictObject(listInput),
    output: pageOf(AuditEntry),
    permission: 'audit:read',
    errors: ['query.invalid', 'query.bad_sort', 'query.bad_cursor'],
    cli: { verb: 'audit list', columns: ['time', 'userName', 'action', 'onName', 'ok', 'code', 'address'] },
  }),
  verify: endpoint({
    method: 'GET',
    path: '/audit/verify',
    summary: 'Check that nothing was changed in or taken from the audit log',
    output: AuditVerdict,
    permission: 'audit:read',
    cli: { verb: 'audit verify' },
  }),
} as const
