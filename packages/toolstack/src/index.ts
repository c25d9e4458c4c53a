export type { Delays, FaultRule, Faults } from './faults/faults.ts'
export type { Role } from './session/roles.ts'
export type { User } from './session/sessions.ts'
export * from './toolstack.ts'
