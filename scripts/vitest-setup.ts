// One seed for all property tests, so that `npm test` says the same of the same code each time. The long tests take a new one each time; a failing
// run prints it, and NIXEN_SEED repeats it.
import fc from 'fast-check'

const given = process.env['NIXEN_SEED']
const fixed = process.env['NIXEN_LONG_TESTS'] === '1' ? undefined : 20_261_121
const seed = given === undefined ? fixed : Number(given)
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
