/** Names of software, firms, money, substances and living things, as single words in lower case. Our own table. */

export const PRODUCTS = `
python java javascript typescript ruby rust golang kotlin swift scala haskell perl php lua julia erlang elixir clojure fortran cobol matlab octave dart groovy
fsharp csharp cpp ocaml prolog lisp bash zsh powershell sql nosql html css sass xml json yaml toml csv tsv avro parquet protobuf markdown latex pdf docx
react angular vue svelte nextjs nuxt django flask fastapi rails laravel nestjs jquery bootstrap tailwind redux graphql grpc
docker podman kubernetes openshift nomad terraform ansible vagrant jenkins gitlab github bitbucket circleci argo
nginx apache caddy haproxy traefik tomcat gunicorn uvicorn varnish lighttpd
postgres mysql mariadb sqlite mongodb redis memcached cassandra dynamodb elasticsearch opensearch solr neo4j couchdb snowflake bigquery redshift clickhouse
databricks kafka rabbitmq activemq nats pulsar sqs kinesis hadoop flink airflow dbt pandas numpy scipy pytorch tensorflow keras sklearn
aws azure gcp heroku vercel netlify cloudflare digitalocean linode firebase supabase lambda s3 ec2
linux ubuntu debian fedora centos redhat windows macos ios android chromeos freebsd
git svn mercurial vim emacs vscode intellij eclipse xcode webpack vite rollup babel eslint prettier npm yarn pnpm pip conda poetry maven gradle cargo
curl wget ssh ftp sftp http https tcp udp dns dhcp smtp imap ssl tls vpn oauth saml ldap jwt
chrome firefox safari brave outlook thunderbird gmail hotmail excel powerpoint sheets slides evernote onenote trello jira confluence asana
slack teams zoom skype discord whatsapp telegram messenger facebook instagram twitter tiktok snapchat linkedin pinterest reddit quora youtube netflix
spotify hulu disney hbo audible kindle amazon ebay etsy alibaba walmart ikea tesco costco uber lyft airbnb expedia paypal stripe venmo revolut
visa mastercard amex google apple microsoft meta samsung sony nokia huawei xiaomi oneplus lenovo dell asus acer nvidia amd intel tesla toyota honda bmw
audi mercedes volkswagen volvo porsche ferrari nissan hyundai kia mazda renault peugeot boeing airbus iphone ipad macbook ipod airpods galaxy xbox
playstation nintendo alexa siri cortana bitcoin ethereum dogecoin litecoin photoshop illustrator figma sketch canva blender autocad salesforce sap hubspot
shopify wordpress drupal joomla wix squarespace magento dropbox onedrive icloud docusign zendesk intercom freshdesk servicenow datadog grafana prometheus splunk
gdpr hipaa ccpa nato un unesco imf nasa esa fbi cia nsa bbc cnn usb hdmi vga bluetooth wifi nfc gps
dollar euro yen yuan pound rupee ruble won peso lira franc krona krone zloty forint koruna baht ringgit dirham shekel
ibuprofen paracetamol acetaminophen aspirin naproxen metformin insulin statin warfarin codeine morphine penicillin amoxicillin omeprazole cetirizine lisinopril
atorvastatin methotrexate prednisone cortisone antibiotic antihistamine vaccine vitamin
eczema psoriasis asthma bronchitis pneumonia diabetes migraine arthritis cancer leukemia hiv aids covid flu influenza malaria measles mumps tuberculosis hepatitis
anemia depression anxiety autism adhd alzheimer parkinson epilepsy stroke
sodium potassium calcium magnesium copper zinc gold silver platinum aluminium aluminum nickel tin mercury helium hydrogen oxygen nitrogen carbon
methane ethane ethanol methanol propane butane ammonia
dog cat horse cow pig sheep goat chicken duck goose rabbit hamster ferret parrot budgie canary tortoise turtle snake lizard gecko goldfish lion tiger wolf
fox deer elephant giraffe zebra camel llama alpaca monkey gorilla penguin eagle owl shark whale dolphin octopus spider ant bee wasp mosquito
rice pasta bread potato tomato onion garlic carrot pepper lentil quinoa bean pea corn wheat oat barley rye beef pork lamb salmon tuna cod shrimp egg milk butter
cheese yoghurt cream honey sugar salt oil olive avocado apple banana orange lemon lime grape kiwi mango pineapple strawberry chocolate vanilla cinnamon basil
coffee tea beer wine whisky vodka rum juice risotto ramen sushi pizza burger taco curry soup salad cake pie cookie pancake
football cricket tennis basketball baseball hockey rugby golf chess volleyball badminton swimming boxing karate judo yoga pilates marathon triathlon
piano guitar violin drum flute trumpet cello saxophone
english french german spanish
monopoly hamlet macbeth ulysses dracula odyssey iliad
mozart beethoven bach chopin vivaldi einstein newton darwin galileo tesla edison shakespeare dickens tolstoy plato aristotle socrates napoleon caesar hitler stalin
lenin gandhi modi trump obama biden clinton putin merkel macron lincoln kennedy churchill thatcher mandela jesus buddha muhammad
`;
