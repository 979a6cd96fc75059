// node generate.mjs ASYNCAPI OUT: classes of the document by Modelina, in OUT/typescript, OUT/java, OUT/csharp and, as one
// file, OUT/typescript-whole; prints {LANGUAGE: [names]}.
import fs from 'fs';
import { CSharpFileGenerator, JavaFileGenerator, TypeScriptFileGenerator, TypeScriptGenerator } from '@asyncapi/modelina';

const [, , path, out] = process.argv;
const document = JSON.parse(fs.readFileSync(path));
const names = {};
for (const [language, generator, options] of [
    ['typescript', new TypeScriptFileGenerator({ modelType: 'interface' }), {}],
    ['java', new JavaFileGenerator({ collectionType: 'List' }), { packageName: 'presence' }],
    ['csharp', new CSharpFileGenerator(), { namespace: 'Presence' }],
]) {
    const folder = `${out}/${language}${language === 'java' ? '/presence' : ''}`;
    fs.mkdirSync(folder, { recursive: true });
    names[language] = (await generator.generateToFiles(document, folder, options, true)).map((model) => model.modelName);
}
const whole = await new TypeScriptGenerator({ modelType: 'interface' }).generate(document);
fs.mkdirSync(`${out}/typescript-whole`);
fs.writeFileSync(`${out}/typescript-whole/all.ts`, `${whole.map((model) => model.result).join('\n')}\nexport {};\n`);
console.log(JSON.stringify(names));
