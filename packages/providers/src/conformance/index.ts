export { actingConformance, type ActingCase, type ActingOptions } from './acting.ts'
export type { ActingEndpoint, ActingFactory, ActingTarget, Death, Fault } from './acting-target.ts'
export {
  diskOf,
  MemoryJournal,
  protectingConformance,
  takeIn,
  type ProtectCase,
  type ProtectFactory,
  type ProtectTarget,
} from './protecting.ts'
export { differences, ports, Reader } from './reader.ts'
export { readingConformance, type ConformanceCase } from './reading.ts'
export type { AnyObject, ConformanceFactory, ConformanceTarget } from './target.ts'
export { xapiTruth } from './truth/xapi-truth.ts'
