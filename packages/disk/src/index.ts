export * from './disk-sink.ts'
export * from './disk-source.ts'
