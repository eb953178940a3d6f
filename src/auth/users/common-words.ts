/**
 * What passwords are made of most often: what published lists of leaked ones have in common, in several languages. In lower case, four
 * letters and more, since shorter ones are part of too much else.
 */
export const commonWords: ReadonlySet<string> = new Set(
  `
access account admin administrator adobe apple azure backup change changeme cisco cloud company computer connect database default demo
desktop docker email example facebook firewall gateway github google guest hello instagram internet kubernetes laptop letmein linkedin
linux local login logmein logon machine manager master microsoft monitor network nobody office online operator oracle outlook pass
passcode passphrase passw0rd password passwort password1 phone postgres private public qwerty redhat remote root router samsung secret
secure security server service shadow support switch system temp temporary test tester testing toor trustno trustnoone twitter ubuntu
unknown user username vagrant website welcome willkommen windows wireless worker yahoo youtube zabbix
azerty bienvenue bonjour chouchou clave contrasena contraseña doudou geheim hallo hasło haslo hola hunter kennwort loulou motdepasse
motdepass parola passe passord salasana senha sommer soleil wachtwoord
monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag
january february march april june july august september october november december januar februar oktober dezember
spring summer autumn winter today tomorrow forever always never again
angel angels baby babygirl babyboy beautiful beauty believe blessed boyfriend bubbles butterfly candy cherry chocolate cookie cookies
cutie daddy darling dearest dream dreamer dreams faith family father freedom friend friends fuckoff fuckyou girlfriend grace happy
heart heaven honey hope iloveu iloveyou ilovegod jesus jesuschrist kisses kitten kitty love loveable lover lovely loveme loverboy
loveyou lucky lucky7 mommy mother mummy music peace peaches pretty prince princess princesa promise queen rainbow sister smile smiley
spirit star starlight sunflower sunshine superstar sweet sweetheart sweetie teamo teresa thankyou tequiero together trust truelove
victory winner wonderful
arsenal barcelona baseball basketball boxing broncos bulldog celtic champion chelsea chicago cowboys cricket dallas eagles everton
football fussball giants golf hockey juventus lakers liverpool madrid manchester packers patriots player raiders rangers realmadrid
rugby soccer steelers tennis tottenham united yankees
avatar batman blink bond007 darth darthvader disney dragon dragonball eminem fortnite gandalf gamer godzilla harley harrypotter hellokitty
jedi joker killer legend legolas mario matrix metal metallica mickey minecraft monster mustang naruto ninja nirvana pikachu pirate
playstation pokemon predator ranger roblox rockstar runescape skywalker slayer slipknot snoopy soldier spiderman starcraft startrek
starwars superman terminator tigger transformers trouble vader voldemort warcraft warrior wizard wolverine xbox zelda zombie
airplane bailey bandit bear bigdaddy bigdog birdie black blackie blue buddy bullet buster camaro camera casino charlie cheese chicken
coffee cooper corvette crystal cupcake diamond dolphin donkey drummer eagle elephant ferrari fire fish fishing flower flowers forest
galaxy ginger gold golden green guitar hammer hawaii horses hotdog jaguar jasper junior kawasaki lion london lollipop maggie magic
marina mercedes merlin midnight money monkey moon mountain mouse ocean orange oreo panda panther paris peanut penguin pepper phoenix
pink piano pizza porsche pumpkin puppy purple rabbit rabbits red rocket rocky rose scooter scorpion shark silver snowball snowman
sparky spider sports spotty storm strawberry sugar swordfish taylor thunder tiger tigers toyota turtle vanilla viper water whiskey
white wolf yamaha yellow
abcd abc123 aaaa asdf asdfgh asdfghjkl pass123 qazwsx qwer qweasd qweasdzxc qwerty123 zaqwsx zxcvbn zxcvbnm
aaron abigail adam adrian alan albert alejandro alex alexander alexandra alexis alfred alice alicia allison amanda amber america amelie
amelia amy1 andre andrea andreas andrei andrew andy angela angelina angelo anita anna anne annie anthony antonio april arthur ashley
austin barbara benjamin bernard beth bianca bobby bradley brandon brenda brian brittany bruce caitlin cameron carlos carmen carol
caroline casey cassie catherine cecilia chelsea cheyenne chris christian christina christine christopher claire claudia connor courtney
crystal daisy dakota daniel daniela danielle david deborah denise dennis derek destiny diana diane diego dominic donald dorothy douglas
dylan eduardo edward elena elizabeth emily emma eric erica ethan eugene evelyn fabian felix fernando florian france francesco francis
francisco frank freddy gabriel gabriela gareth gary george georgia gerald gloria gordon grant gregory hannah harold harry heather
helen henry howard isaac isabel isabella jack jackie jackson jacob jake james jamie jane janet jasmine jason javier jeffrey jennifer
jenny jeremy jerry jesse jessica jessie joan johannes john johnny johnson jonathan jordan jorge jose joseph joshua juan judith julia
julian julie justin karen karina katherine kathleen kathryn katie kayla keith kelly kenneth kevin kimberly kristen kyle laura lauren
lawrence leonardo leslie linda lisa logan louise lucas lucy luis madison marcus margaret maria marie marina mario mark martha martin
martina mary mason matthew maxwell megan melanie melissa michael michelle miguel mike miranda mitchell molly monica morgan nancy
natalia natalie natasha nathan nicholas nicole nicolas nikita oliver olivia oscar pamela pascal patricia patrick paul pauline peter
philip phillip rachel ralph raymond rebecca renate ricardo richard robert roberto robin roger roland ronald roxanne russell ruth ryan
sabrina samantha samuel sandra sandy sarah scott sean sebastian sergio shannon sharon shirley simon sophia sophie stefan stella
stephanie stephen steven susan sydney sylvia tatiana teresa theresa thomas tiffany timothy tina toby tracy travis trevor tristan tyler
valentina valeria vanessa veronica victor victoria vincent virginia walter wendy whitney william willie xavier yvonne zachary
`
    .split(/\s+/)
    .filter((word) => word.length >= 4),
);
