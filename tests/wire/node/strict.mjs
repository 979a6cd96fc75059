// node strict.mjs FOLDER: compiles each FOLDER/*.schema.json with ajv's strict modes all on, warnings as errors, and
// tries the examples of FOLDER/asyncapi.json on it; prints {NAME: null | "what is wrong"}.
import fs from 'fs';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const folder = process.argv[2];
const messages = JSON.parse(fs.readFileSync(`${folder}/asyncapi.json`)).components.messages;
const verdicts = {};
for (const file of fs.readdirSync(folder).filter((name) => name.endsWith('.schema.json'))) {
    const name = file.replace('.schema.json', '');
    const ajv = new Ajv2020({ strict: true, strictRequired: true, allErrors: true });
    addFormats(ajv);
    try {
        const valid = ajv.compile(JSON.parse(fs.readFileSync(`${folder}/${file}`)));
        const wrong = messages[name].examples.filter((example) => !valid(example.payload));
        verdicts[name] = wrong.length ? `${wrong[0].name} does not fit` : null;
    } catch (error) {
        verdicts[name] = error.message;
    }
}
console.log(JSON.stringify(verdicts));
