// One operation on a repository in a process of its own, to be killed from outside. Arguments: operation, repository, mirror, day.
import { LocalStorage, Repository } from '../../src/index.ts'
import { testPassword } from '@nixen/testkit/restic-fixture'
import { operate, type Operation } from './example.ts'

const [, , operation = '', directory = '', mirrorDirectory = '', day = '0'] = process.argv
const repository = await Repository.open(new LocalStorage(directory), { password: testPassword })
const mirror = await Repository.open(new LocalStorage(mirrorDirectory), { password: testPassword })
process.stdout.write('ready\n')
// The test gives one of the operations.
await operate(operation as Operation, { repository, mirror }, Number(day))
process.stdout.write('done\n')
