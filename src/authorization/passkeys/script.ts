/**
 * The one script there is: it hands what the page says to the browser's Web Authentication, and what comes of it to the form of the page.
 * By hand, since browsers with passkeys are older than those that do it by themselves (`toJSON`), and so are some password managers.
 */
import { hash } from "node:crypto";

export const script = `"use strict";{
const form=document.getElementById("passkey"),button=document.getElementById("use"),problem=document.getElementById("problem"),{answer}=form.elements;
const say=(text)=>{problem.textContent=text;problem.hidden=false};
const decode=(text)=>Uint8Array.from(atob(text.replaceAll("-","+").replaceAll("_","/")),(one)=>one.charCodeAt(0));
const encode=(bytes)=>btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+","-").replaceAll("/","_").replaceAll("=","");
const get=async(options)=>{
const {id,response}=await navigator.credentials.get({publicKey:{...options,challenge:decode(options.challenge)}});
const {clientDataJSON,authenticatorData,signature,userHandle}=response;
return {id,clientDataJSON:encode(clientDataJSON),authenticatorData:encode(authenticatorData),signature:encode(signature),userHandle:userHandle?encode(userHandle):null}};
const create=async(options)=>{
const known=options.excludeCredentials.map((each)=>({...each,id:decode(each.id)}));
const {id,response}=await navigator.credentials.create({publicKey:{...options,challenge:decode(options.challenge),user:{...options.user,id:decode(options.user.id)},excludeCredentials:known}});
return {id,clientDataJSON:encode(response.clientDataJSON),attestationObject:encode(response.attestationObject),transports:response.getTransports?.()??[]}};
const reasons={NotAllowedError:"It was cancelled, it took too long, or there is no passkey for this site here.",InvalidStateError:"There is a passkey of yours here already."};
form.addEventListener("submit",async(event)=>{
if(event.submitter!==button||answer.value!=="")return;
event.preventDefault();button.disabled=true;
try{const options=JSON.parse(form.dataset.options);answer.value=JSON.stringify(await(options.user?create(options):get(options)))}
catch(error){say(reasons[error.name]??"This did not work ("+error.name+").")}
button.disabled=false;
if(answer.value!=="")form.requestSubmit(button)});
if(!window.PublicKeyCredential){say("This browser cannot use passkeys here.");button.disabled=true}
}`;

export const scriptHash = hash("sha256", script, "base64");
