// Node.js' dns.resolve4 and dns.resolve6 (c-ares), both at a time, again and again; the output of lookup.c.
//
//   node resolve.js COUNT INTERVAL_MS SECONDS NAME...
//
// c-ares gets names as they are: dns.resolve knows no search list.
'use strict';
const { Resolver } = require('dns').promises;
const [count, interval, seconds, ...names] = process.argv.slice(2);

(async () => {
    const resolver = new Resolver();
    const end = Date.now() + seconds * 1000;
    for (let i = 0; i < count && Date.now() < end; i++) {
        const name = names[i % names.length].replace(/\.$/, '');
        const wall = Date.now() / 1000;
        const start = process.hrtime.bigint();
        const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
        const ms = Number(process.hrtime.bigint() - start) / 1e6;
        const first = [four, six].find((result) => result.status === 'fulfilled');
        console.log([wall.toFixed(6), name, ms.toFixed(3), first ? 'ok' : four.reason.code, first ? first.value[0] : '-'].join('\t'));
        await new Promise((resume) => setTimeout(resume, Number(interval)));
    }
})();
