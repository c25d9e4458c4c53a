export * from './client/caller.ts'
export * from './errors.ts'
export * from './wire/json-rpc.ts'
export * from './wire/json-text.ts'
